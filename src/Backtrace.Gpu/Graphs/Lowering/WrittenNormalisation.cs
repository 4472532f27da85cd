using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Graphs;

/// <summary>
/// Recognises a normalisation that a model writes out: x, or x − mean(x), divided by the root of the mean or the sum of its squares. As a normalisation it passes
/// relevance on; as a product or quotient it would send half of it into the mean (rules.md, B.10, C.26).
/// </summary>
internal static class WrittenNormalisation
{
    // What is added to keep the divisor away from 0 is small; x / sqrt(1 + mean(x²)) is another function.
    private const double LargestEpsilon = 0.01;

    // What the model adds to a variance cancels in rules that read it; some number is needed where all entries are equal.
    private const double SmallVariance = 1e-12;

    /// <summary>The normalised value and its operation, if one factor of a·b, or the divisor of a/b, is made of the other's squares.</summary>
    /// <param name="a">First factor, or the dividend.</param>
    /// <param name="b">Second factor, or the divisor.</param>
    /// <param name="isQuotient">a / b instead of a · b.</param>
    /// <param name="samples">Size of the batch: a mean over the samples normalises none of them.</param>
    public static (Value Normalised, Identity Operation)? Find(Value a, Value b, bool isQuotient, long samples) =>
        Of(a, b, isQuotient, samples) ?? (isQuotient ? null : Of(b, a, isQuotient, samples));

    /// <summary>What a value is the square of, or null.</summary>
    public static Value? Root(Value square) => square.Producer switch
    {
        { Operation: Power { Exponent: 2 } or Identity { Label: "square" } } power => power.InputValues[0],
        { Operation: Multiply { Label: "Mul" } } product when Source(product.InputValues[0]) == Source(product.InputValues[1]) => product.InputValues[0],
        _ => null,
    };

    /// <summary>True if one value is the square of the other.</summary>
    public static bool IsSquare(Value square, Value x) => Root(square) is { } root && Source(root) == Source(x);

    private static (Value Normalised, Identity Operation)? Of(Value x, Value divisor, bool isQuotient, long samples)
    {
        if (SquaresUnder(divisor, isQuotient) is not { Operation: SumOverAxes sum } node || Root(node.InputValues[0]) is not { } root)
            return null;
        long[] shape = x.Sizes;
        HashSet<int> axes = Axes(sum, shape.Length);
        bool mixesSamples = axes.Contains(0) && shape.Length > 1 && samples > 1 && shape[0] == samples;
        if (mixesSamples || !root.Sizes.SequenceEqual(shape) || !IsAligned(divisor, shape, axes))
            return null;

        (Value X, HashSet<int> Axes)? centred = Centre(x), squared = Centre(root);
        bool isCentred = centred is { } a && squared is { } b && a.X == b.X && a.Axes.SetEquals(b.Axes);
        if (!isCentred && Source(root) != Source(x))
            return null;
        if (centred is not { } mean || !mean.Axes.SetEquals(axes))
            return (x, isQuotient ? new Identity("RMSNorm") : new RootMeanSquareNormalisation(sum.Axes));
        bool isOfLastAxes = axes.Min() == shape.Length - axes.Count;
        return (mean.X, isOfLastAxes ? new LayerNormalisation(axes.Aggregate(1L, (length, axis) => length * shape[axis]), SmallVariance) : new Identity("layer_norm"));
    }

    // The sum of squares of which a divisor, or a factor, is the root or its reciprocal: once, times constants, and with a small number to keep it from 0.
    private static Node? SquaresUnder(Value value, bool isQuotient)
    {
        int roots = 0;
        bool isReciprocal = false;
        while (value.Producer is { } node)
        {
            switch (node.Operation)
            {
                case SumOverAxes:
                    return roots == 1 && isReciprocal != isQuotient ? node : null;
                case Identity { Label: "sqrt" } or Power { Exponent: 0.5 }:
                    roots++;
                    break;
                case Identity { Label: "rsqrt" } or Power { Exponent: -0.5 }:
                    roots++;
                    isReciprocal = !isReciprocal;
                    break;
                case Identity { Label: "reciprocal" } or Power { Exponent: -1 }:
                    isReciprocal = !isReciprocal;
                    break;
                case Add { Addends: [{ Scale: 1 }], Constant: > 0 and <= (float)LargestEpsilon } or LowerLimit { Least: <= LargestEpsilon } when isReciprocal != isQuotient:
                case Identity { Label: "Mul" or "Div" or "var" or "std" or "var_mean" or "std_mean" or "norm" or "linalg_vector_norm" } or StridedView { Label: "Expand" }:
                    break;
                default:
                    if (!KeepsValues(node.Operation))
                        return null;
                    break;
            }

            value = node.InputValues[0];
        }

        return null;
    }

    // x and the axes of the mean that was subtracted from it, or null.
    private static (Value X, HashSet<int> Axes)? Centre(Value difference)
    {
        if (Source(difference).Producer is not { Operation: Add { Addends: [{ Scale: 1 }, { Scale: -1 }], Constant: 0 } } node)
            return null;
        Value x = Source(node.InputValues[0]), mean = node.InputValues[1];
        while (mean.Producer is { } step && (KeepsValues(step.Operation) || step.Operation is StridedView { Label: "Expand" } or Identity { Label: "var_mean" or "std_mean" }))
            mean = step.InputValues[0];
        if (mean.Producer is not { Operation: SumOverAxes { Label: "Mean" } operation } average || Source(average.InputValues[0]) != x)
            return null;
        HashSet<int> axes = Axes(operation, x.Sizes.Length);
        return IsAligned(node.InputValues[1], x.Sizes, axes) ? (x, axes) : null;
    }

    private static HashSet<int> Axes(SumOverAxes sum, int rank) => [.. sum.Axes.Select(axis => axis < 0 ? axis + rank : axis)];

    // True if each entry meets the sum that it is part of: row means that are broadcast to columns do not normalise rows.
    private static bool IsAligned(Value sums, long[] shape, HashSet<int> axes)
    {
        while (sums.Producer is { Operation: StridedView { Label: "Expand" } } expansion)
            sums = expansion.InputValues[0];
        long[] expected = [.. shape.Select((size, axis) => axes.Contains(axis) ? 1 : size)];
        return sums.Sizes.Length <= shape.Length && expected.SequenceEqual([.. Enumerable.Repeat(1L, shape.Length - sums.Sizes.Length), .. sums.Sizes]);
    }

    // Models often compute the mean of squares in another precision, or without gradients.
    private static Value Source(Value value)
    {
        while (value.Producer is { Operation: Identity { Label: not ("view" or "reshape" or "squeeze" or "unsqueeze") } operation } node && KeepsValues(operation) && node.InputValues[0].Sizes.SequenceEqual(value.Sizes))
            value = node.InputValues[0];
        return value;
    }

    private static bool KeepsValues(Operation operation) => operation is Identity
    {
        Label: "to" or "_to_copy" or "float" or "type_as" or "detach" or "clone" or "contiguous" or "alias" or "view" or "reshape" or "squeeze" or "unsqueeze",
    };
}
