using Backtrace.Gpu.Baselines;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Evaluation;

/// <summary>Reads attributions.</summary>
internal static class Attributions
{
    /// <summary>Sums over the entries of each feature: for each sample one number per feature.</summary>
    /// <exception cref="ArgumentException">Attributions are not shaped like the input.</exception>
    internal static double[][] PerFeature(Measurement measurement) =>
        PerFeature(measurement.Attributions, measurement.Samples.Input, measurement.Samples.Features);

    /// <inheritdoc cref="PerFeature(Measurement)"/>
    internal static double[][] PerFeature(Tensor attributions, Tensor input, Features features)
    {
        if (!attributions.shape.SequenceEqual(input.shape))
            throw new ArgumentException($"Attributions [{string.Join(", ", attributions.shape)}] are not shaped like the input [{string.Join(", ", input.shape)}].");
        using Tensor sums = features.Sum(attributions);
        return [.. sums.data<float>().Select(v => (double)v).Chunk(features.Count)];
    }
}
