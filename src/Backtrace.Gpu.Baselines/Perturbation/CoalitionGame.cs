using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// The game of one sample: players are its features, and the value of a coalition is the model's output when all other features are taken away, averaged over
/// the references that stand in for them.
/// </summary>
internal sealed class CoalitionGame
{
    private readonly ExplainedModel model;
    private readonly Samples sample;
    private readonly PerturbationOptions options;
    private readonly Tensor references; // [B, ...]
    private readonly int[] players; // numbers of features

    /// <param name="model">The model.</param>
    /// <param name="sample">[1, ...]; stays the caller's.</param>
    /// <param name="options">Output and batch.</param>
    /// <param name="background">References, [B, ...]; null for the sample's own.</param>
    /// <param name="varying">Leaves out features that equal all references: they change nothing. SHAP does so, LIME does not.</param>
    internal CoalitionGame(ExplainedModel model, Samples sample, PerturbationOptions options, Tensor? background = null, bool varying = true)
    {
        this.model = model;
        this.sample = sample;
        this.options = options;
        references = background ?? sample.Absent;
        if (background is not null && !background.shape.Skip(1).SequenceEqual(sample.Input.shape.Skip(1)))
            throw new ExplainerException($"The background is shaped [{string.Join(", ", background.shape)}]; samples need [B, {string.Join(", ", sample.Input.shape[1..])}].");
        players = [.. Enumerable.Range(0, sample.Features.Count)];
        if (varying)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor changes = sample.Features.Sum(sample.Input.ne(references).to(float32).sum(0, keepdim: true));
            float[] changed = changes.cpu().data<float>().ToArray();
            players = [.. players.Where(k => changed[k] > 0)];
        }
    }

    /// <summary>Number of players.</summary>
    internal int Players => players.Length;

    /// <summary>Values of the empty coalition and of all players.</summary>
    internal (double None, double All) Ends(CancellationToken cancellation)
    {
        using DisposeScope scope = NewDisposeScope();
        double[] values = Values(arange(2, int64).ne(0).view(2, 1).expand(2, Players), cancellation);
        return (values[0], values[1]);
    }

    /// <summary>Values of coalitions.</summary>
    /// <param name="coalitions">Who is present: [K, Players], booleans.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <returns>K numbers.</returns>
    internal double[] Values(Tensor coalitions, CancellationToken cancellation)
    {
        long total = coalitions.shape[0], rows = references.shape[0], step = Math.Max(1, options.MaximumBatch / rows);
        double[] values = new double[total];
        for (long begin = 0; begin < total; begin += step)
        {
            cancellation.ThrowIfCancellationRequested();
            using DisposeScope scope = NewDisposeScope();
            long count = Math.Min(step, total - begin);
            Tensor present = OfFeatures(coalitions.narrow(0, begin, count));
            present = present.unsqueeze(1).expand(count, rows, present.shape[1]).reshape(count * rows, present.shape[1]);
            Tensor absent = rows == 1 ? references : references.repeat([count, .. Enumerable.Repeat(1L, references.shape.Length - 1)]);
            Tensor taken = sample.Features.Take(sample.Input, absent, present);
            double[] outputs = TargetOutputs.Of(model, taken, sample.Targets[0].item<long>(), options, cancellation);
            for (long k = 0; k < outputs.Length; k++)
                values[begin + k / rows] += outputs[k] / rows;
        }

        return values;
    }

    /// <summary>Numbers of players as numbers of all features: who does not play gets 0.</summary>
    internal double[] ToFeatures(double[] perPlayer)
    {
        double[] perFeature = new double[sample.Features.Count];
        for (int k = 0; k < players.Length; k++)
            perFeature[players[k]] = perPlayer[k];
        return perFeature;
    }

    private Tensor OfFeatures(Tensor coalitions)
    {
        if (players.Length == sample.Features.Count)
            return coalitions;
        Tensor present = ones([coalitions.shape[0], sample.Features.Count], ScalarType.Bool);
        return players.Length == 0 ? present : present.index_copy_(1, tensor(Array.ConvertAll(players, k => (long)k)), coalitions);
    }
}
