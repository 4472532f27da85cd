using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>What one should know of a table's cells: numbers that are missing, words that the model does not tell apart.</summary>
internal sealed class ColumnRemarks
{
    private readonly Column[] columns;

    internal ColumnRemarks(TabularPreprocessing preprocessing) => columns = [.. preprocessing.Columns.Select(column => new Column(column))];

    /// <summary>Looks at rows that can be explained.</summary>
    internal void Add(TabularRows rows)
    {
        foreach (Column column in columns)
        {
            int position = rows.Table.IndexOf(column.Name);
            foreach (int row in rows.Rows)
                column.Add(rows.Table.Rows[row][position]);
        }
    }

    /// <summary>A sentence for each column of which there is something to say.</summary>
    internal IEnumerable<string> Of(string path) => columns.Where(column => column.Odd > 0).Select(column => $"{path}: column '{column.Name}': {column.Remark()}.");

    private sealed class Column(TabularColumn column)
    {
        private readonly HashSet<string>? words = column is CategoricalColumn { Levels.Count: > 0 } known ? [.. known.Levels] : null;
        private string? other;

        internal string Name => column.Name;

        internal int Odd { get; private set; }

        internal void Add(string cell)
        {
            if (words is null ? column is not NumericColumn || !NumericColumn.IsGap(cell) : words.Contains(cell))
                return;
            Odd++;
            other ??= cell;
        }

        internal string Remark() => words is null
            ? $"{Counted.Of(Odd, "missing cell takes", "missing cells take")} the mean of the training rows, as in training"
            : $"{Counted.Of(Odd, "cell counts", "cells count")} as 'other': '{Short(other!)}' is none of the words that the model tells apart";

        private static string Short(string cell) => cell.Length <= 40 ? cell : cell[..40] + "...";
    }
}
