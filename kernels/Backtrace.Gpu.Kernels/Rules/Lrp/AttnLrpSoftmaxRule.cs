using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>
/// R_x = x·(R − s·ΣR), the Taylor decomposition of a softmax at x (Achtibat et al. 2024, proposition 3.1). What its bias term takes is reported as bias.
/// </summary>
public sealed class AttnLrpSoftmaxRule : StreamwiseRule<Softmax>
{
    /// <inheritdoc/>
    public override bool IsSigned => true;

    /// <inheritdoc/>
    public override bool ReadsInput(Operation operation, int index) => true;

    /// <inheritdoc/>
    public override bool ReadsOutput(Operation operation, Mode mode) => true;

    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Softmax operation)
    {
        long[] shape = context.InputShape(0);
        int axis = operation.Axis < 0 ? operation.Axis + shape.Length : operation.Axis;
        long length = shape.Length == 0 ? 1 : shape[axis], inner = shape.Length == 0 ? 1 : DeviceTensor.Count(shape.AsSpan(axis + 1));
        ArrayView<float> relevance = context.Relevance().Values;
        SoftmaxRelevance kernel = new()
        {
            X = context.Input(0).Values,
            Weights = Weights(context, length, inner),
            Relevance = relevance,
            Target = context.Give(0).Values,
            Rest = context.Scratch(relevance.Length / length),
            Length = length,
            Inner = inner,
        };
        Rows.Run(context.Device, kernel, kernel.Rest.Length, inner == 1 ? length : 1, 4 * length);
        context.Keep(LedgerEntry.Bias, new ValueTerm { Values = kernel.Rest }, kernel.Rest.Length);
    }

    private static ArrayView<float> Weights(RuleContext context, long length, long inner)
    {
        if (!context.IsOutputRounded)
            return context.Output().Values;
        SoftmaxWeights kernel = new() { X = context.Input(0).Values, Target = context.Scratch(context.Relevance().Length), Length = length, Inner = inner };
        Rows.Run(context.Device, kernel, kernel.Target.Length / length, inner == 1 ? length : 1, 8 * length);
        return kernel.Target;
    }
}
