using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using Backtrace.Gpu.Kernels.Rules.Contrast;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Sum or mean over any axes, whether or not they stay with size 1.</summary>
/// <param name="Axes">The axes, counted from the front; negative ones from the end.</param>
/// <param name="Label">Name of the operator for people.</param>
public sealed record SumOverAxes(IReadOnlyList<int> Axes, string Label = "Sum") : Operation
{
    /// <inheritdoc/>
    public override string Name => Label;

    /// <inheritdoc/>
    public override bool ReadsInput(int index) => true;

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.Reduces(Axes);
    }
}

/// <summary>Each entry gets |x| of its share: R·|x|/Σ|x| (rules.md, B.5, B.10). The divisor of a mean cancels.</summary>
public sealed class SumOverAxesRule : Rule<SumOverAxes>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, SumOverAxes operation) =>
        Apply(context, context.InputShape(0), operation.Axes);

    /// <inheritdoc/>
    protected override void ApplyContrastive(RuleContext supporting, RuleContext opposing, SumOverAxes operation) =>
        ApplyContrastive(new StreamPair(supporting, opposing), supporting.InputShape(0), operation.Axes);

    /// <summary>The contrastive rule for an input of this shape.</summary>
    internal static void ApplyContrastive(StreamPair pair, long[] shape, IReadOnlyList<int> axes)
    {
        if (pair.HasOneSign)
        {
            pair.Each(context => Apply(context, shape, axes));
            return;
        }

        long[] reduced = Reduced(shape, axes);
        StridedMap sum = StridedMap.SumTo(reduced, shape), spread = StridedMap.Broadcast(shape, reduced);
        Device device = pair.Device;
        LinearMaps.Apply(pair, new SignedMap(false, (x, y) => sum.Run(device, x, y, StridedSum.Plain), (y, x) => spread.Run(device, y, x, StridedSum.Plain)));
    }

    /// <summary>The rule for an input of this shape.</summary>
    internal static void Apply(RuleContext context, long[] shape, IReadOnlyList<int> axes)
    {
        Device device = context.Device;
        long[] reduced = Reduced(shape, axes);
        ArrayView<float> x = context.Input(0).Values;
        ArrayView<float> relevance = context.Relevance().Values;
        ArrayView<float> coefficients = context.Scratch(relevance.Length);
        StridedMap sum = StridedMap.SumTo(reduced, shape);
        if (IsRowSum(sum))
        {
            long length = x.Length / relevance.Length;
            device.Run(new Fill { Target = coefficients, Value = 0 }, relevance.Length);
            RowSums.Add(device, new AbsoluteTerm { Values = x }, relevance.Length, length, coefficients, context.Scratch(RowSums.ScratchLength(relevance.Length, length)));
        }
        else
        {
            sum.Run(device, x, coefficients, StridedSum.OfAbsolute());
        }

        context.Divide(relevance, coefficients);
        StridedMap.Broadcast(shape, reduced).Run(device, coefficients, context.Give(0).Values, StridedSum.TimesAbsolute(x));
    }

    /// <summary>The shape in which the reduced axes have size 1.</summary>
    internal static long[] Reduced(long[] shape, IReadOnlyList<int> axes)
    {
        long[] reduced = [.. shape];
        foreach (int axis in axes)
            reduced[axis < 0 ? axis + shape.Length : axis] = 1;
        return reduced;
    }

    // Rows of some length, one after the other: summed by many threads each.
    private static bool IsRowSum(StridedMap sum) =>
        sum.Loops is [{ Source: 1, Count: >= 32 } loop] && (sum.Kept is [] || (sum.Kept is [{ Target: 1 } kept] && kept.Source == loop.Count));
}
