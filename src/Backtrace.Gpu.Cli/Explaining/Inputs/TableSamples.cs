using Backtrace.Gpu.Models;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Rows of a table.</summary>
internal sealed class TableSamples(TabularRows input, TabularPreprocessing preprocessing) : Samples
{
    private readonly int[] positions = [.. preprocessing.Columns.Select(column => input.Table.IndexOf(column.Name))];

    internal TabularPreprocessing Preprocessing => preprocessing;

    internal override int Count => input.Rows.Count;

    internal override int UsualBatch => 1024;

    /// <summary>The file.</summary>
    internal string Path => input.Table.Path;

    /// <summary>Number of the row in its file, from 0.</summary>
    internal int Row(int n) => input.Rows[n];

    /// <summary>The cells of the columns that the model uses, as text.</summary>
    internal IReadOnlyList<string> Cells(int n) => [.. positions.Select(position => input.Table.Rows[input.Rows[n]][position])];

    /// <summary>Number of rows where a column of numbers has none, so that the training mean stands there.</summary>
    internal int Gaps(int column) => preprocessing.Columns[column] is NumericColumn ? input.Rows.Count(row => NumericColumn.IsGap(input.Table.Rows[row][positions[column]])) : 0;

    internal override string Name(int n) => $"row {input.Rows[n]}";

    internal override int? Label(int n) => input.Labels[n];

    internal override Tensor Batch(int first, int count)
    {
        using Tensor part = input.Values.narrow(0, first, count);
        return part.clone();
    }

    public override void Dispose() => input.Dispose();
}
