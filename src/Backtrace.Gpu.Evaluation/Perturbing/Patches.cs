using Backtrace.Gpu.Baselines;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Evaluation;

/// <summary>Square patches of pictures as features.</summary>
internal static class Patches
{
    /// <summary>Patches on a grid from the upper left corner. The caller's.</summary>
    /// <exception cref="ExplainerException">Inputs are no pictures; names the metric.</exception>
    internal static Features Of(Measurement measurement, int size, string metric)
    {
        if (!IsPicture(measurement))
            throw new ExplainerException($"{metric} looks at patches of pictures, [N, C, H, W]; the inputs are [{string.Join(", ", measurement.Samples.Input.shape)}].");
        if (size < 1)
            throw new ArgumentException($"Patches of {size} pixels have no size: take at least 1.", nameof(size));
        using DisposeScope scope = NewDisposeScope();
        long[] shape = measurement.Samples.Input.shape;
        long across = ((shape[3] - 1) / size) + 1;
        Tensor row = arange(shape[2], int64).floor_divide(size).view(-1, 1), column = arange(shape[3], int64).floor_divide(size);
        return new Features(((row * across) + column).expand(shape[1..]).contiguous());
    }

    /// <summary>Whether inputs are [N, C, H, W].</summary>
    internal static bool IsPicture(Measurement measurement) => measurement.Samples.Input.dim() == 4 && !measurement.Model.TakesTokens;

    /// <summary>The same measurement with other features. Shares all tensors; not to be disposed.</summary>
    internal static Measurement Measure(Measurement measurement, Features features) => measurement with { Samples = measurement.Samples with { Features = features } };
}
