using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Graphs;

/// <summary>
/// Recognises a local response normalisation, x / (k + α·mean of x² over some channels)^β: libtorch has no operator for it but writes it out. As a normalisation
/// it passes relevance on; as a quotient it would send half of it into the mean and most of that to k.
/// </summary>
internal static class LocalResponse
{
    /// <summary>True if the divisor is made of window means of squares of the dividend, raised to a power.</summary>
    public static bool IsQuotient(Value dividend, Value divisor)
    {
        if (divisor.Producer is not { Operation: Power { Exponent: > 0 } } power || !divisor.Sizes.SequenceEqual(dividend.Sizes))
            return false;
        bool hasMean = false;
        for (Value value = power.InputValues[0]; value.Producer is { } node; value = node.InputValues[0])
        {
            if (WrittenNormalisation.IsSquare(value, dividend))
                return hasMean;
            hasMean |= node.Operation is AveragePooling;
            if (node.Operation is not (AveragePooling or Pad { Mode: PadMode.Constant } or Add { Addends: [{ Scale: 1 }], Constant: > 0 } or Identity { Label: "Mul" or "view" or "reshape" or "squeeze" or "unsqueeze" }))
                return false;
        }

        return false;
    }
}
