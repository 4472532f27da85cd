using Backtrace.Gpu.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Models.Training;

/// <summary>The loop of every training run: AdamW along a cosine schedule; the weights of the pass with the best validation score are kept.</summary>
internal sealed class TrainingLoop(TrainingOptions options, CancellationToken cancellationToken)
{
    /// <summary>Trains a network in place and leaves it in evaluation mode.</summary>
    /// <param name="network">Freshly made, after torch was seeded.</param>
    /// <param name="rows">Number of training rows.</param>
    /// <param name="loss">Mean loss of some rows, by their numbers.</param>
    /// <param name="score">Validation score of the network as it is, and what decides between equal scores; higher is better. Of passes equal in both, the first is kept.</param>
    /// <param name="progress">Told after every pass.</param>
    /// <returns>The pass whose weights were kept, from 1.</returns>
    internal int Run(nn.Module network, int rows, Func<int[], Tensor> loss, Func<(double Score, double Tie)> score, IProgress<TrainingProgress>? progress)
    {
        OneDnn.EnsureRight();
        using DisposeScope scope = NewDisposeScope();
        using AdamW optimizer = new(network.parameters(), options.WeightDecay);
        SplitMix64 shuffler = new(options.Seed);
        int[] order = [.. Enumerable.Range(0, rows)];
        ((double Score, double Tie) Reached, int Epoch, List<Tensor> Weights) best = ((double.NegativeInfinity, 0), 0, []);
        for (int epoch = 1; epoch <= options.Epochs; epoch++)
        {
            shuffler.Shuffle(order.AsSpan());
            network.train();
            double mean = Pass(optimizer, LearningRate(epoch), order, loss);
            network.eval();
            (double Score, double Tie) reached = score();
            if (reached.CompareTo(best.Reached) > 0)
            {
                best.Weights.ForEach(weight => weight.Dispose());
                best = (reached, epoch, [.. network.parameters().Select(p => p.detach().clone())]);
            }
            progress?.Report(new TrainingProgress(epoch, options.Epochs, mean, reached.Score));
        }
        using (no_grad())
        {
            foreach ((Tensor parameter, Tensor kept) in network.parameters().Zip(best.Weights))
                parameter.copy_(kept);
        }
        return best.Epoch;
    }

    // From the full step size along half a cosine, which would be 0 after the last pass.
    private double LearningRate(int epoch) => options.LearningRate * (1 + Math.Cos(Math.PI * (epoch - 1) / options.Epochs)) / 2;

    private double Pass(AdamW optimizer, double learningRate, int[] order, Func<int[], Tensor> loss)
    {
        double total = 0;
        foreach (int[] batch in order.Chunk(options.BatchSize))
        {
            cancellationToken.ThrowIfCancellationRequested();
            using DisposeScope scope = NewDisposeScope();
            Tensor mean = loss(batch);
            mean.backward();
            optimizer.Step(learningRate);
            total += mean.item<float>() * batch.Length;
        }
        return total / order.Length;
    }
}
