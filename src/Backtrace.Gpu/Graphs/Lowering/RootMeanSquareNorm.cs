using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Graphs;

/// <summary>
/// Recognises an RMS normalisation that a model writes out, x · rsqrt(mean(x²) + ε) or x / sqrt(mean(x²) + ε): as a normalisation it passes relevance
/// on, as a product it would send half of it into the mean (rules.md, C.26).
/// </summary>
internal static class RootMeanSquareNorm
{
    /// <summary>
    /// The normalised value and its operation, if one factor is the reciprocal root mean square of the other; <paramref name="quotient"/>: a / b instead of
    /// a · b, of which no implementation sends anything into the mean.
    /// </summary>
    public static (Value Normalised, Identity Operation)? Find(Value a, Value b, bool quotient)
    {
        if (quotient)
            return MeanUnder(b, a, "sqrt") is null ? null : (a, new Identity("RMSNorm"));
        if (MeanUnder(b, a, "rsqrt") is { } ofFirst)
            return (a, new RootMeanSquareNormalisation(ofFirst.Axes));
        return MeanUnder(a, b, "rsqrt") is { } ofSecond ? (b, new RootMeanSquareNormalisation(ofSecond.Axes)) : null;
    }

    private static SumOverAxes? MeanUnder(Value root, Value x, string function)
    {
        if (root.Producer is not { Operation: Identity identity } node || identity.Label != function)
            return null;
        Value mean = node.InputValues[0];
        if (mean.Producer is { Operation: Add { Addends: [{ Scale: 1 }], Constant: > 0 } } sum)
            mean = sum.InputValues[0];
        return mean.Producer is { Operation: SumOverAxes { Label: "Mean" } operation } average && IsSquare(average.InputValues[0], x) ? operation : null;
    }

    /// <summary>True if one value is the square of the other.</summary>
    public static bool IsSquare(Value square, Value x) => square.Producer switch
    {
        { Operation: Identity { Label: "pow" or "square" } } power => Same(power.InputValues[0], x),
        { Operation: Multiply { Label: "Mul" } } product => Same(product.InputValues[0], x) && Same(product.InputValues[1], x),
        _ => false,
    };

    // Models often compute the mean of squares in another precision.
    private static bool Same(Value a, Value b) => Source(a) == Source(b);

    private static Value Source(Value value)
    {
        while (value.Producer is { Operation: Identity { Label: "to" or "_to_copy" or "float" or "type_as" } } cast)
            value = cast.InputValues[0];
        return value;
    }
}
