using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Models.Training;

/// <summary>The training loop: weighted cross-entropy, AdamW, the weights of the pass with the best validation AUC.</summary>
internal sealed class TabularFit(TabularInput train, TabularInput validation, TabularTrainingOptions options, CancellationToken cancellationToken)
{
    /// <summary>Trains one network from the seed; the caller disposes it.</summary>
    internal (Mlp Network, int BestEpoch) Run(IReadOnlyList<int> sizes, IProgress<TrainingProgress>? progress)
    {
        using DisposeScope scope = NewDisposeScope();
        random.manual_seed((long)options.Seed);
        Mlp network = new(sizes, dropout: options.Dropout);
        using var optimizer = optim.AdamW(network.parameters(), options.LearningRate, weight_decay: options.WeightDecay);
        var schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, options.Epochs);
        Tensor labels = tensor(train.Labels!.Select(label => (long)label).ToArray());
        Tensor weights = ClassWeights(train.Labels!);
        SplitMix64 shuffler = new(options.Seed);
        int[] order = [.. Enumerable.Range(0, train.Labels!.Count)];
        (double Auc, int Epoch, List<Tensor> Weights) best = (-1, 0, []);
        for (int epoch = 1; epoch <= options.Epochs; epoch++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            shuffler.Shuffle(order.AsSpan());
            double loss = Pass(network, optimizer, labels, weights, order);
            schedule.step();
            double auc = Measure(network, validation).Auc;
            if (auc > best.Auc)
                best = (auc, epoch, [.. network.parameters().Select(p => p.detach().clone())]);
            progress?.Report(new TrainingProgress(epoch, options.Epochs, loss, auc));
        }
        using (no_grad())
        {
            foreach ((Tensor parameter, Tensor kept) in network.parameters().Zip(best.Weights))
                parameter.copy_(kept);
        }
        network.eval();
        scope.Detach(network.parameters());
        return (network, best.Epoch);
    }

    /// <summary>Scores a network: the difference of the two logits.</summary>
    internal static BinaryMetrics Measure(Mlp network, TabularInput rows)
    {
        network.eval();
        using DisposeScope scope = NewDisposeScope();
        using IDisposable inference = no_grad();
        Tensor logits = network.call(rows.Values);
        float[] scores = (logits[.., 1] - logits[.., 0]).data<float>().ToArray();
        return BinaryMetrics.Compute(scores, rows.Labels!.ToArray());
    }

    private double Pass(Mlp network, optim.Optimizer optimizer, Tensor labels, Tensor weights, int[] order)
    {
        network.train();
        double total = 0;
        for (int begin = 0; begin < order.Length; begin += options.BatchSize)
        {
            using DisposeScope scope = NewDisposeScope();
            long[] rows = [.. order.Skip(begin).Take(options.BatchSize).Select(row => (long)row)];
            Tensor index = tensor(rows);
            Tensor logits = network.call(train.Values.index_select(0, index));
            Tensor loss = nn.functional.cross_entropy(logits, labels.index_select(0, index), weights);
            optimizer.zero_grad();
            loss.backward();
            optimizer.step();
            total += loss.item<float>() * rows.Length;
        }
        return total / order.Length;
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
