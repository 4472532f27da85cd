using Backtrace.Gpu.Kernels;
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

    /// <summary>What one should know of a column's cells: numbers that are missing, words that the model does not tell apart. Null for nothing.</summary>
    internal string? Remark(int column)
    {
        IEnumerable<string> cells = input.Rows.Select(row => input.Table.Rows[row][positions[column]]);
        switch (preprocessing.Columns[column])
        {
            case NumericColumn:
                int gaps = cells.Count(NumericColumn.IsGap);
                return gaps == 0 ? null : $"{Counted.Of(gaps, "missing cell takes", "missing cells take")} the mean of the training rows, as in training";
            case CategoricalColumn { Levels.Count: > 0 } words:
                HashSet<string> known = [.. words.Levels];
                string[] others = [.. cells.Where(cell => !known.Contains(cell))];
                return others.Length == 0 ? null : $"{Counted.Of(others.Length, "cell counts", "cells count")} as 'other': '{Short(others[0])}' is none of the words that the model tells apart";
            default:
                return null;
        }
    }

    internal override string Name(int n) => $"row {input.Rows[n]}";

    internal override int? Label(int n) => input.Labels[n];

    /// <summary>One number per original column; the positions of a one-hot group are added up.</summary>
    internal override Flow Shown(Flow flow) => flow with { Relevance = preprocessing.SumPerColumn(flow.Relevance) };

    internal override Tensor Batch(int first, int count)
    {
        using Tensor part = input.Values.narrow(0, first, count);
        return part.clone();
    }

    public override void Dispose() => input.Dispose();

    private static string Short(string cell) => cell.Length <= 40 ? cell : cell[..40] + "...";
}
