namespace Backtrace.Gpu.Evaluation;

/// <summary>Puts features in the order in which they are changed.</summary>
internal static class Ranking
{
    /// <summary>Numbers of the features, first to last.</summary>
    /// <param name="attributions">One for each feature.</param>
    /// <param name="options">Order, absolute values, seed.</param>
    /// <param name="sample">Place in the batch; tells random orders apart.</param>
    internal static int[] Of(double[] attributions, CurveOptions options, int sample)
    {
        int[] features = [.. Enumerable.Range(0, attributions.Length)];
        if (options.Order == FeatureOrder.Random)
        {
            new Random(unchecked((options.Seed * 1_000_003) + sample)).Shuffle(features);
            return features;
        }

        double sign = options.Order == FeatureOrder.MostRelevantFirst ? -1 : 1;
        return [.. features.OrderBy(i => sign * (options.Absolute ? Math.Abs(attributions[i]) : attributions[i]))]; // a stable sort
    }
}
