namespace Backtrace.Gpu.Models;

/// <summary>Rows of a comma-separated file, as text; <see cref="CsvFile"/> reads files that are too long to be held.</summary>
public sealed class CsvTable
{
    private readonly CsvRecord[] records;
    // Tables may have tens of thousands of columns.
    private readonly Lazy<Dictionary<string, int>> places;

    internal CsvTable(string path, IReadOnlyList<string> columns, CsvRecord[] records)
    {
        Path = path;
        Columns = columns;
        Rows = [.. records.Select(record => record.Cells)];
        this.records = records;
        places = new(() => columns.Index().ToDictionary(column => column.Item, column => column.Index));
    }

    /// <summary>File it came from.</summary>
    public string Path { get; }

    /// <summary>Column names of the header, in order, each once.</summary>
    public IReadOnlyList<string> Columns { get; }

    /// <summary>Cells of each data row, one per column; of a bad row that was kept, as many as there are.</summary>
    public IReadOnlyList<string[]> Rows { get; }

    /// <summary>Line of the file that a row begins on, counted from 1.</summary>
    /// <param name="row">Position of the row, from 0.</param>
    public int LineOf(int row) => records[row].Line;

    /// <summary>Why a row cannot be used, with its line; null for a good one.</summary>
    /// <param name="row">Position of the row, from 0.</param>
    public InvalidInputException? FaultOf(int row) => records[row].Fault;

    /// <summary>Position of a column, or -1.</summary>
    public int IndexOf(string column) => places.Value.GetValueOrDefault(column, -1);

    /// <summary>The same table with only some of its rows, in the order given.</summary>
    /// <param name="rows">Row positions, from 0.</param>
    public CsvTable Take(IEnumerable<int> rows) => new(Path, Columns, [.. rows.Select(row => records[row])]);

    /// <summary>Reads a whole file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="keepBad">True to keep bad rows, so that rows keep their numbers; <see cref="FaultOf"/> tells them.</param>
    /// <exception cref="InvalidInputException">As for <see cref="CsvFile.Open"/> and <see cref="CsvFile.Read"/>; or there are no rows.</exception>
    public static CsvTable Read(string path, bool keepBad = false)
    {
        using CsvFile file = CsvFile.Open(path, keepBad);
        CsvTable table = file.Read(int.MaxValue);
        return table.Rows.Count > 0 ? table : throw new InvalidInputException(path, "has a header but no rows");
    }
}
