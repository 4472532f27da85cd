using Backtrace.Gpu.Kernels.Indexing;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>The whole input tiled along each axis of the output; the output may have more axes.</summary>
/// <param name="Repeats">Number of tiles per axis of the output.</param>
public sealed record Repeat(IReadOnlyList<long> Repeats) : Operation
{
    /// <inheritdoc/>
    public override string Name => "Repeat";

    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        shapes.HasInputs(1);
        long[] input = shapes.Inputs[0], output = shapes.Outputs[0];
        int added = output.Length - input.Length;
        shapes.Require(added >= 0 && Repeats.Count == output.Length && output.Index().All(size => size.Item == Repeats[size.Index] * (size.Index < added ? 1 : input[size.Index - added])),
            $"{NodeShapes.Text(input)}, repeated {NodeShapes.Text([.. Repeats])} times, is not {NodeShapes.Text(output)}");
    }
}

/// <summary>Each entry gets the sum of its copies (rules.md, B.7).</summary>
public sealed class RepeatRule : StreamwiseRule<Repeat>
{
    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Repeat operation)
    {
        long[] input = context.InputShape(0);
        long[] target = StrideAxis.RowMajor(input);
        long[] source = StrideAxis.RowMajor(context.OutputShape());
        int added = source.Length - input.Length;
        List<StrideAxis> axes = [];
        for (int k = 0; k < source.Length; k++)
        {
            long size = k < added ? 1 : input[k - added];
            axes.Add(new StrideAxis(operation.Repeats[k], 0, size * source[k]));
            axes.Add(new StrideAxis(size, k < added ? 0 : target[k - added], source[k]));
        }

        new StridedMap(axes).Run(context.Device, context.Relevance().Values, context.Give(0).Values, StridedSum.Plain);
    }
}
