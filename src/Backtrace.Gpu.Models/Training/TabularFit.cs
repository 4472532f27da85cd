using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Models.Training;

/// <summary>Training of an MLP on encoded rows: weighted cross-entropy, scored by the validation AUC.</summary>
internal sealed class TabularFit(TabularInput train, TabularInput validation, TabularTrainingOptions options, CancellationToken cancellationToken)
{
    private const int SmallestBatch = 8;

    /// <summary>Trains one network from the seed; the caller disposes it.</summary>
    internal (Mlp Network, int BestEpoch) Run(IReadOnlyList<int> sizes, IProgress<TrainingProgress>? progress)
    {
        using DisposeScope scope = NewDisposeScope();
        random.manual_seed((long)options.Seed);
        Mlp network = new(sizes, dropout: options.Dropout);
        // Without a hidden layer units need not differ at the start, and the steps of a small table may be too few to undo random weights.
        if (sizes.Count == 2)
            Clear(network);
        Tensor labels = Numbers(train.Labels!), validated = Numbers(validation.Labels!);
        Tensor weights = ClassWeights(train.Labels!);
        Tensor Loss(int[] rows)
        {
            Tensor index = tensor(rows.Select(row => (long)row).ToArray());
            return nn.functional.cross_entropy(network.call(train.Values.index_select(0, index)), labels.index_select(0, index), weights);
        }
        // Few rows are soon in order, long before the answers are right: of passes with equal AUC the one with the least loss is the best.
        (double Score, double Tie) Score()
        {
            using IDisposable inference = no_grad();
            using Tensor logits = network.call(validation.Values), loss = nn.functional.cross_entropy(logits, validated, weights);
            return (Measure(network, validation).Auc, -loss.item<float>());
        }
        int rows = train.Labels!.Count, batch = Math.Max(SmallestBatch, rows / Math.Max(1, options.MinimumSteps));
        int bestEpoch = new TrainingLoop(options with { BatchSize = Math.Min(options.BatchSize, batch) }, cancellationToken).Run(network, rows, Loss, Score, progress);
        scope.Detach(network.parameters());
        return (network, bestEpoch);
    }

    /// <summary>Scores a network in evaluation mode: the difference of the two logits.</summary>
    internal static BinaryMetrics Measure(Mlp network, TabularInput rows)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable inference = no_grad();
        Tensor logits = network.call(rows.Values);
        float[] scores = (logits[.., 1] - logits[.., 0]).data<float>().ToArray();
        return BinaryMetrics.Compute(scores, rows.Labels!.ToArray());
    }

    private static void Clear(Mlp network)
    {
        using IDisposable quiet = no_grad();
        foreach (Tensor parameter in network.parameters())
            parameter.zero_();
    }

    private static Tensor Numbers(IReadOnlyList<int> labels) => tensor(labels.Select(label => (long)label).ToArray());

    // Both classes count the same in all; otherwise answering with the common class is nearly optimal.
    private static Tensor ClassWeights(IReadOnlyList<int> labels)
    {
        float[] counts = new float[2];
        foreach (int label in labels)
            counts[label]++;
        return tensor(counts.Select(count => labels.Count / (2 * count)).ToArray());
    }
}
