using Backtrace.Gpu.Baselines;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Evaluation;

/// <summary>Puts features in the order in which they are changed.</summary>
internal static class Ranking
{
    /// <summary>Numbers of a sample's features, first to last.</summary>
    /// <param name="measurement">Holds the sample: its input tells random orders apart.</param>
    /// <param name="sample">Place in the batch.</param>
    /// <param name="attributions">One for each feature.</param>
    /// <param name="options">Order, absolute values, seed.</param>
    internal static int[] Of(Measurement measurement, int sample, double[] attributions, CurveOptions options)
    {
        int[] features = [.. Enumerable.Range(0, attributions.Length)];
        if (options.Order == FeatureOrder.Random)
        {
            using Tensor input = measurement.Samples.Input[sample];
            new Random(unchecked((int)Seeds.Of(options.Seed, input))).Shuffle(features);
            return features;
        }

        double sign = options.Order == FeatureOrder.MostRelevantFirst ? -1 : 1;
        return [.. features.OrderBy(i => sign * (options.Absolute ? Math.Abs(attributions[i]) : attributions[i]))]; // a stable sort
    }
}
