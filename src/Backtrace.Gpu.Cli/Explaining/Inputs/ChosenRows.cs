using Backtrace.Gpu.Models;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Rows of a table in any order, in memory; of the other rows nothing is held.</summary>
internal sealed class ChosenRows : TableSamples
{
    private readonly Chosen[] rows;
    private readonly Tensor values;

    /// <param name="rows">The rows; taken over.</param>
    /// <param name="preprocessing">How their cells became numbers.</param>
    internal ChosenRows(TabularRows rows, TabularPreprocessing preprocessing)
        : base(preprocessing)
    {
        Path = rows.Table.Path;
        this.rows = [.. rows.Rows.Select((row, n) => new Chosen(row, Used(rows.Table, row), rows.Labels[n]))];
        values = rows.Values;
    }

    /// <param name="table">All rows that are chosen, each once.</param>
    /// <param name="order">Numbers of rows; those that the table lacks are left out.</param>
    /// <param name="cancellation">Stops between parts.</param>
    internal ChosenRows(TableSamples table, IEnumerable<int> order, CancellationToken cancellation)
        : base(table.Preprocessing)
    {
        Path = table.Path;
        List<Chosen> found = [];
        List<Tensor> parts = [];
        try
        {
            while (found.Count < table.Count)
            {
                cancellation.ThrowIfCancellationRequested();
                int first = found.Count, count = Math.Min(UsualBatch, table.Count - first);
                parts.Add(table.Batch(first, count));
                found.AddRange(Enumerable.Range(first, count).Select(n => new Chosen(table.Row(n), table.Cells(n), table.Label(n))));
            }

            Dictionary<int, int> places = found.Select((row, n) => (row.Number, n)).ToDictionary();
            int[] chosen = [.. order.Where(places.ContainsKey).Select(row => places[row])];
            rows = [.. chosen.Select(n => found[n])];
            using Tensor all = cat(parts), wanted = tensor(chosen, int64);
            values = all.index_select(0, wanted);
        }
        finally
        {
            parts.ForEach(part => part.Dispose());
        }
    }

    internal override int Count => rows.Length;

    internal override string Path { get; }

    internal override int Row(int n) => rows[n].Number;

    internal override IReadOnlyList<string> Cells(int n) => rows[n].Cells;

    internal override int? Label(int n) => rows[n].Label;

    internal override Tensor Batch(int first, int count)
    {
        using Tensor part = values.narrow(0, first, count);
        return part.clone();
    }

    public override void Dispose() => values.Dispose();

    private sealed record Chosen(int Number, IReadOnlyList<string> Cells, int? Label);
}
