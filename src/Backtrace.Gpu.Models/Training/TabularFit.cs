using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Models.Training;

/// <summary>Training of an MLP on encoded rows: weighted cross-entropy, scored by the validation AUC.</summary>
internal sealed class TabularFit(TabularInput train, TabularInput validation, TabularTrainingOptions options, CancellationToken cancellationToken)
{
    /// <summary>Trains one network from the seed; the caller disposes it.</summary>
    internal (Mlp Network, int BestEpoch) Run(IReadOnlyList<int> sizes, IProgress<TrainingProgress>? progress)
    {
        using DisposeScope scope = NewDisposeScope();
        random.manual_seed((long)options.Seed);
        Mlp network = new(sizes, dropout: options.Dropout);
        Tensor labels = tensor(train.Labels!.Select(label => (long)label).ToArray());
        Tensor weights = ClassWeights(train.Labels!);
        Tensor Loss(int[] rows)
        {
            Tensor index = tensor(rows.Select(row => (long)row).ToArray());
            return nn.functional.cross_entropy(network.call(train.Values.index_select(0, index)), labels.index_select(0, index), weights);
        }
        int bestEpoch = new TrainingLoop(options, cancellationToken).Run(network, train.Labels!.Count, Loss, () => Measure(network, validation).Auc, progress);
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

    // Both classes count the same in all; otherwise answering with the common class is nearly optimal.
    private static Tensor ClassWeights(IReadOnlyList<int> labels)
    {
        float[] counts = new float[2];
        foreach (int label in labels)
            counts[label]++;
        return tensor(counts.Select(count => labels.Count / (2 * count)).ToArray());
    }
}
