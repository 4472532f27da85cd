using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>A tensor into parts of which others were written: each block of its entries is a block of one of the inputs.</summary>
/// <param name="Inputs">Index of the input that each block comes from.</param>
/// <param name="Blocks">Position of the block in that input, counted in blocks.</param>
/// <param name="Width">Number of neighbouring entries that make a block.</param>
public sealed record Overwrite(IReadOnlyList<int> Inputs, IReadOnlyList<int> Blocks, int Width) : Operation
{
    /// <inheritdoc/>
    public override string Name => "Overwrite";
}

/// <summary>Relevance goes where the entry came from (rules.md, B.7).</summary>
public sealed class OverwriteRule : StreamwiseRule<Overwrite>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Overwrite operation)
    {
        List<AxisEntry>[] sources = [.. Enumerable.Range(0, context.InputCount).Select(_ => new List<AxisEntry>())];
        for (int k = 0; k < operation.Inputs.Count; k++)
            sources[operation.Inputs[k]].Add(new AxisEntry(operation.Blocks[k], k, 1));
        for (int input = 0; input < sources.Length; input++)
        {
            int blocks = checked((int)(DeviceTensor.Count(context.InputShape(input)) / operation.Width));
            AxisTable table = new(blocks, operation.Inputs.Count, sources[input]);
            AxisMaps.Apply(context, [(0, table)], [operation.Inputs.Count, operation.Width], context.Relevance().Values, context.Give(input).Values);
        }
    }
}
