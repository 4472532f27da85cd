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

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.HasInputs(1, orMore: true);
        shapes.Require(Width > 0 && Inputs.Count == Blocks.Count, $"{Counted.Of(Inputs.Count, "input index", "input indices")} for {Counted.Of(Blocks.Count, "block")} of {Width}");
        shapes.Output(0, Blocks.Count, Width);
        shapes.Within(Inputs.Select(input => (long)input), shapes.Inputs.Count, "the inputs");
        for (int input = 0; input < shapes.Inputs.Count; input++)
        {
            long count = DeviceTensor.Count(shapes.Inputs[input]);
            shapes.Require(count % Width == 0, $"input {input}, {NodeShapes.Text(shapes.Inputs[input])}, does not consist of blocks of {Width}");
            shapes.Within(Blocks.Where((_, k) => Inputs[k] == input).Select(block => (long)block), count / Width, $"input {input}");
        }
    }
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
