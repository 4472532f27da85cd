using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Indexing;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>
/// A dense layer of which few units hold relevance, such as the head of a language model under the seed of one token: the rows and the
/// units that take part make a small layer of their own, and the rule runs on that (rules.md, E.6).
/// </summary>
internal sealed class FewUnits
{
    private const int Worthwhile = 4;

    // Below this many products the whole layer costs less than taking it apart.
    private const long Smallest = 1 << 13;

    private readonly LinearShape whole;
    private readonly int[] rows;
    private readonly int[] columns;

    private FewUnits(LinearShape whole, int[] rows, int[] columns)
    {
        this.whole = whole;
        this.rows = rows;
        this.columns = columns;
    }

    /// <summary>The small layer, or null if it is not much smaller or its rows are not the same number in every sample.</summary>
    /// <param name="shape">The layer.</param>
    /// <param name="samples">Samples that the ledger keeps apart.</param>
    /// <param name="entries">Where relevance is, for each stream.</param>
    public static FewUnits? Find(LinearShape shape, int samples, params ReadOnlySpan<IReadOnlyList<long>?> entries)
    {
        if ((long)shape.Rows * shape.Outputs * shape.Inputs < Smallest)
            return null;
        SortedSet<int> rows = [], columns = [];
        foreach (IReadOnlyList<long>? stream in entries)
        {
            foreach (long entry in stream ?? [])
            {
                rows.Add((int)(entry / shape.Outputs));
                columns.Add((int)(entry % shape.Outputs));
            }

            if (stream is null)
                return null;
        }

        if (rows.Count == 0 || (long)rows.Count * columns.Count * Worthwhile > (long)shape.Rows * shape.Outputs)
            return null;
        if (shape.Rows % samples != 0 || rows.Count % samples != 0)
            return null;
        int[] inOrder = [.. rows];
        int perSample = inOrder.Length / samples;
        for (int k = 0; k < inOrder.Length; k++)
        {
            if (inOrder[k] / (shape.Rows / samples) != k / perSample)
                return null;
        }

        int[] units = columns.Count * Worthwhile > shape.Outputs ? [.. Enumerable.Range(0, shape.Outputs)] : [.. columns];
        return new FewUnits(shape, inOrder, units);
    }

    /// <summary>Runs a rule on the small layer, for each stream, and gives input 0 what it found.</summary>
    public void Run(RuleContext[] streams, Action<RuleContext[]> apply)
    {
        RuleContext first = streams[0];
        ArrayView<float> rowList = Upload(first, rows), columnList = Upload(first, columns);
        bool allColumns = columns.Length == whole.Outputs;
        Linear small = new(new LinearShape(rows.Length, whole.Inputs, columns.Length));
        DeviceTensor weight = UnitsOf("weight", whole.Inputs)!.Value;
        DeviceTensor? bias = UnitsOf("bias", 1);
        DeviceTensor input = Gather(first, first.Input(0).Values, rowList, rows.Length, default, whole.Inputs, whole.Inputs);

        FewUnitsContext[] reduced = [.. streams.Select(stream => new FewUnitsContext(stream, small, input, weight, bias)
        {
            Arrived = Gather(stream, stream.Relevance().Values, rowList, rows.Length, allColumns ? default : columnList, columns.Length, whole.Outputs),
            Value = () => Gather(stream, stream.Output().Values, rowList, rows.Length, allColumns ? default : columnList, columns.Length, whole.Outputs),
            Result = new DeviceTensor(stream.Scratch(input.Length), input.Shape),
        })];
        apply(reduced);
        foreach (FewUnitsContext stream in reduced)
        {
            ArrayView<float> target = stream.Whole.Give(0).Values;
            first.Device.Run(new Fill { Target = target, Value = 0 }, target.Length);
            first.Device.RunItems(new ScatterRows { Source = stream.Result.Values, Rows = rowList, Target = target, Width = whole.Inputs }, input.Length, 2);
        }

        DeviceTensor? UnitsOf(string parameter, int width)
        {
            if (allColumns)
                return first.Parameter(parameter);
            if (first.ParameterRows(parameter, columns) is { } units)
                return units;
            return first.Parameter(parameter) is { } all ? Gather(first, all.Values, columnList, columns.Length, default, width, width) : null;
        }
    }

    private static unsafe ArrayView<float> Upload(RuleContext context, int[] list)
    {
        ArrayView<float> memory = context.Scratch(list.Length);
        fixed (int* source = list)
            context.Device.Upload((float*)source, memory, list.Length);
        return memory;
    }

    private static DeviceTensor Gather(
        RuleContext context, ArrayView<float> source, ArrayView<float> rowList, int count, ArrayView<float> columnList, int width, int stride)
    {
        ArrayView<float> target = context.Scratch((long)count * width);
        GatherEntries gather = new()
        {
            Source = source,
            Rows = rowList,
            Columns = columnList.IsValid ? columnList : rowList,
            AllColumns = columnList.IsValid ? 0 : 1,
            Target = target,
            Width = width,
            Stride = stride,
        };
        context.Device.RunItems(gather, target.Length, 3);
        return new DeviceTensor(target, [count, width]);
    }
}
