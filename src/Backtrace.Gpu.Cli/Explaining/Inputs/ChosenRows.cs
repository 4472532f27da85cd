using Backtrace.Gpu.Models;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Rows of a table in any order, in memory.</summary>
internal sealed class ChosenRows(TabularRows rows, TabularPreprocessing preprocessing) : TableSamples(preprocessing)
{
    internal override int Count => rows.Rows.Count;

    internal override string Path => rows.Table.Path;

    internal override int Row(int n) => rows.Rows[n];

    internal override IReadOnlyList<string> Cells(int n) => Used(rows.Table, rows.Rows[n]);

    internal override int? Label(int n) => rows.Labels[n];

    internal override Tensor Batch(int first, int count)
    {
        using Tensor part = rows.Values.narrow(0, first, count);
        return part.clone();
    }

    public override void Dispose() => rows.Dispose();
}
