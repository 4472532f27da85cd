using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Rows of a table.</summary>
internal abstract class TableSamples(TabularPreprocessing preprocessing) : Samples
{
    private readonly string[] columns = [.. preprocessing.Columns.Select(column => column.Name)];
    private int[]? positions;

    internal TabularPreprocessing Preprocessing => preprocessing;

    internal override int UsualBatch => 1024;

    // The next rows, and relevance.csv.
    internal override int OtherThreads => 2;

    internal override IReadOnlyList<string> Columns => columns;

    /// <summary>The file.</summary>
    internal abstract string Path { get; }

    /// <summary>The cells of the columns that the model uses, as text.</summary>
    internal abstract IReadOnlyList<string> Cells(int n);

    internal override string Name(int n) => $"row {Row(n)}";

    /// <summary>One number per original column; the positions of a one-hot group are added up.</summary>
    internal override Flow Shown(Flow flow) => flow with { Relevance = preprocessing.SumPerColumn(flow.Relevance) };

    /// <summary>Of all cells of a row those that the model uses, in its order. All parts of a table have the same columns.</summary>
    private protected string[] Used(CsvTable table, int row)
    {
        positions ??= [.. preprocessing.Columns.Select(column => table.IndexOf(column.Name))];
        string[] cells = table.Rows[row];
        return Array.ConvertAll(positions, position => cells[position]);
    }
}
