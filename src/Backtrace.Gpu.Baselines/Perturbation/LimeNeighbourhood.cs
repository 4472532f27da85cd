using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>The perturbations of a sample, the way of one of lime's explainers.</summary>
/// <param name="Samples">How many by default.</param>
/// <param name="KernelWidth">Default width for M features.</param>
/// <param name="Distance">From how many of M features are as in the sample to a distance.</param>
/// <param name="Draw">Which features are as in the sample: from their number, the number of perturbations and random numbers to K * M booleans. The first row is not used.</param>
internal sealed record LimeNeighbourhood(
    int Samples, Func<int, double> KernelWidth, Func<int, int, double> Distance, Func<int, int, Random, bool[]> Draw)
{
    /// <summary>lime_image: each feature stays with a chance of one half; cosine distance.</summary>
    internal static LimeNeighbourhood Image { get; } = new(1000, _ => 0.25, Cosine, Halves);

    /// <summary>lime_text: from one to all features are taken away; cosine distance times 100.</summary>
    internal static LimeNeighbourhood Text { get; } = new(5000, _ => 25, (present, all) => 100 * Cosine(present, all), Removals);

    /// <summary>lime_tabular's kernel and distance; each feature stays with a chance of one half.</summary>
    internal static LimeNeighbourhood Table { get; } = new(5000, all => 0.75 * Math.Sqrt(all), (present, all) => Math.Sqrt(all - present), Halves);

    /// <summary>Weights of perturbations, [K] of 64 bits.</summary>
    internal Tensor Weights(Tensor present, double? width)
    {
        int all = (int)present.shape[1];
        double w = width ?? KernelWidth(all);
        using Tensor counts = present.to(int64).sum([1L]);
        return tensor(counts.data<long>().ToArray().Select(count => Distance((int)count, all)).Select(d => Math.Sqrt(Math.Exp(-d * d / (w * w)))).ToArray());
    }

    // Of a vector of ones and one of zeros and ones; a vector of zeros is as far as can be.
    private static double Cosine(int present, int all) => 1 - Math.Sqrt((double)present / all);

    private static bool[] Halves(int features, int samples, Random random)
    {
        bool[] present = new bool[samples * features];
        for (int k = 0; k < present.Length; k++)
            present[k] = random.Next(2) == 1;
        return present;
    }

    private static bool[] Removals(int features, int samples, Random random)
    {
        bool[] present = new bool[samples * features];
        Array.Fill(present, true);
        int[] order = [.. Enumerable.Range(0, features)];
        for (int k = 1; k < samples; k++)
        {
            random.Shuffle(order);
            foreach (int feature in order.AsSpan(0, random.Next(1, features + 1)))
                present[k * features + feature] = false;
        }

        return present;
    }
}
