using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Interpolation over the trailing axes, to larger or smaller sizes (without antialiasing).</summary>
/// <param name="Mode">Kind of interpolation.</param>
/// <param name="AlignCorners">The corners of both grids coincide (linear and cubic).</param>
/// <param name="Factors">One per spatial axis: the scale factor that torch computes with, or null where it follows from the sizes.</param>
public sealed record Upsample(UpsampleMode Mode, bool AlignCorners, IReadOnlyList<double?> Factors) : Operation
{
    /// <inheritdoc/>
    public override string Name => "Upsample";

    /// <inheritdoc/>
    public override bool ReadsInput(int index) => !IsCopy;

    /// <summary>True if every output entry is a copy of an input entry.</summary>
    internal bool IsCopy => Mode is UpsampleMode.Nearest or UpsampleMode.NearestExact;
}

/// <summary>
/// Nearest: each entry gets the sum of its copies. Otherwise the rule of the linear map that interpolation is: D = |W||x|,
/// R_in = |x| · |W|ᵀ(R / D), one axis after the other.
/// </summary>
public sealed class UpsampleRule : Rule<Upsample>
{
    /// <inheritdoc/>
    protected override void ApplyContrastive(RuleContext supporting, RuleContext opposing, Upsample operation) =>
        throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Upsample operation)
    {
        long[] input = context.InputShape(0);
        long[] output = context.OutputShape();
        List<(int Axis, AxisTable Table)> forward = [];
        for (int k = 0; k < operation.Factors.Count; k++)
        {
            int axis = input.Length - operation.Factors.Count + k;
            AxisTable table = Interpolation.Table(operation.Mode, (int)input[axis], (int)output[axis], operation.AlignCorners, operation.Factors[k]);
            forward.Add((axis, table.Absolute()));
        }

        (int Axis, AxisTable Table)[] backward = [.. forward.Select(t => (t.Axis, t.Table.Transposed())).Reverse()];
        ArrayView<float> relevance = context.Relevance().Values;
        ArrayView<float> result = context.Give(0).Values;
        if (operation.IsCopy)
        {
            AxisMaps.Apply(context, backward, output, relevance, result);
            return;
        }

        ArrayView<float> x = context.Input(0).Values;
        ArrayView<float> coefficients = context.Scratch(relevance.Length);
        AxisMaps.Apply(context, forward, input, x, coefficients, absolute: true);
        context.Divide(relevance, coefficients);
        AxisMaps.Apply(context, backward, output, coefficients, result);
        context.Device.Run(new ScaleByAbsolute { Activation = x, Values = result }, result.Length);
    }
}
