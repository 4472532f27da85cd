using Backtrace.Gpu.Baselines;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Evaluation;

/// <summary>Asks the model about inputs without some of their features, in batches that may span samples.</summary>
internal static class FeatureRemoval
{
    private const double Rounding = 1e-6; // of the larger of two outputs

    /// <summary>The target's output for each row: a sample and which of its features are present.</summary>
    internal static double[] Outputs(
        Measurement measurement, IEnumerable<(int Sample, bool[] Present)> rows, ModelOutput output, int maximumBatch, CancellationToken cancellation)
    {
        Samples samples = measurement.Samples;
        int features = samples.Features.Count;
        List<double> outputs = [];
        foreach ((int Sample, bool[] Present)[] part in rows.Chunk(maximumBatch))
        {
            using DisposeScope scope = NewDisposeScope();
            bool[] present = new bool[part.Length * features];
            for (int i = 0; i < part.Length; i++)
                part[i].Present.CopyTo(present, i * features);
            Tensor of = tensor(part.Select(row => (long)row.Sample).ToArray()).to(samples.Input.device);
            Tensor absent = samples.Absent.shape[0] == 1 ? samples.Absent : samples.Absent.index_select(0, of);
            Tensor input = samples.Features.Take(samples.Input.index_select(0, of), absent, tensor(present).view(part.Length, features));
            outputs.AddRange(Targets(measurement.Model, input, samples.Targets.index_select(0, of), output, maximumBatch, cancellation));
        }

        return [.. outputs];
    }

    /// <summary>How much one output is below another; 0 where fp32 cannot tell them apart, or the batch that an input was in would decide about order and sign.</summary>
    internal static double Fall(double from, double to) => Math.Abs(from - to) <= Rounding * Math.Max(Math.Abs(from), Math.Abs(to)) ? 0 : from - to;

    /// <summary>How much the target's output falls when a group of features is taken away: for each sample, for each of its groups.</summary>
    /// <param name="measurement">Model and samples.</param>
    /// <param name="groups">For each sample, groups of numbers of features; a sample without groups gets no numbers.</param>
    /// <param name="output">Which output.</param>
    /// <param name="maximumBatch">Most inputs in one forward pass.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    internal static double[][] Drops(
        Measurement measurement, IReadOnlyList<int[][]> groups, ModelOutput output, int maximumBatch, CancellationToken cancellation)
    {
        bool[] Without(int[] group)
        {
            bool[] present = [.. Enumerable.Repeat(true, measurement.Samples.Features.Count)];
            foreach (int feature in group)
                present[feature] = false;
            return present;
        }

        IEnumerable<int> samples = Enumerable.Range(0, groups.Count).Where(n => groups[n].Length > 0);
        IEnumerable<(int, bool[])> rows = samples.SelectMany(n => groups[n].Prepend([]).Select(group => (n, Without(group))));
        double[] outputs = Outputs(measurement, rows, output, maximumBatch, cancellation);
        double[][] drops = [.. groups.Select(g => new double[g.Length])];
        int whole = 0;
        foreach (int n in samples)
        {
            for (int g = 0; g < drops[n].Length; g++)
                drops[n][g] = Fall(outputs[whole], outputs[whole + 1 + g]);
            whole += 1 + drops[n].Length;
        }

        return drops;
    }

    /// <summary>The targets' outputs, one for each input.</summary>
    internal static double[] Targets(ExplainedModel model, Tensor input, Tensor targets, ModelOutput output, int maximumBatch, CancellationToken cancellation)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor all = output == ModelOutput.Probability
            ? model.Probabilities(input, maximumBatch, cancellation)
            : model.ScoresInBatches(input, maximumBatch, cancellation);
        return all.gather(1, targets.unsqueeze(1)).to(float64).cpu().data<double>().ToArray();
    }
}
