using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>
/// Product of operands with broadcasting; also a quotient, which is the product with a reciprocal. A product with a constant of no
/// larger shape is an <see cref="Identity"/>.
/// </summary>
/// <param name="IsDynamic">For each input, whether it depends on the model's input: only those get relevance.</param>
/// <param name="Label">Name of the operator for people.</param>
public sealed record Multiply(IReadOnlyList<bool> IsDynamic, string Label = "Mul") : Operation
{
    /// <inheritdoc/>
    public override string Name => Label;

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.HasInputs(IsDynamic.Count);
        shapes.Broadcast();
    }
}

/// <summary>Equal parts to all dynamic operands, whatever their values (rules.md, B.8).</summary>
public sealed class MultiplyRule : StreamwiseRule<Multiply>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Multiply operation)
    {
        long[] shape = context.OutputShape();
        int sharers = operation.IsDynamic.Count(d => d);
        for (int k = 0; k < operation.IsDynamic.Count; k++)
        {
            if (!operation.IsDynamic[k])
                continue;
            if (sharers == 1 && DeviceTensor.Count(context.InputShape(k)) == DeviceTensor.Count(shape))
                context.Pass(k);
            else
                StridedMap.SumTo(context.InputShape(k), shape).Run(context.Device, context.Relevance().Values, context.Give(k).Values, new StridedSum { Factor = 1f / sharers });
        }
    }
}
