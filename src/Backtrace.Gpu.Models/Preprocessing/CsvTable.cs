using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Models;

/// <summary>A comma-separated file with a header, as text. Quotes, quoted line breaks and all kinds of line ends are understood (RFC 4180).</summary>
public sealed class CsvTable
{
    private readonly CsvRecord[] records;

    private CsvTable(string path, IReadOnlyList<string> columns, CsvRecord[] records)
    {
        Path = path;
        Columns = columns;
        Rows = [.. records.Select(record => record.Cells)];
        this.records = records;
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
    public int IndexOf(string column)
    {
        for (int i = 0; i < Columns.Count; i++)
        {
            if (Columns[i] == column)
                return i;
        }
        return -1;
    }

    /// <summary>The same table with only some of its rows, in the order given.</summary>
    /// <param name="rows">Row positions, from 0.</param>
    public CsvTable Take(IEnumerable<int> rows) => new(Path, Columns, [.. rows.Select(row => records[row])]);

    /// <summary>Reads a whole file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="keepBad">True to keep bad rows, so that rows keep their numbers; <see cref="FaultOf"/> tells them.</param>
    /// <exception cref="InvalidInputException">
    /// Missing, empty or no text; separated by anything but commas; a repeated column name, no rows, or a bad row that is not to be kept: another number of cells than the header, broken quotes.
    /// </exception>
    public static CsvTable Read(string path, bool keepBad = false)
    {
        List<CsvRecord> records = TextFile.Read(path, text => new CsvParser(path, text, keepBad).Read().ToList(), keepBad);
        if (records.Count == 0)
            throw new InvalidInputException(path, "is empty");
        if (records[0].Fault is { } fault)
            throw fault;
        string[] header = [.. records[0].Cells.Select(name => name.Trim())];
        if (header is [var all] && all.AsSpan().IndexOfAny(";\t") is >= 0 and var at)
            throw new InvalidInputException(path, $"the header is separated by {(all[at] == ';' ? "semicolons" : "tabs")}; save the table with commas between cells and points in numbers", records[0].Line);
        string? repeated = header.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1)?.Key;
        if (repeated is not null)
            throw new InvalidInputException(path, repeated.Length == 0 ? "the header has more than one column without a name" : $"the header names column '{repeated}' more than once", records[0].Line);
        if (records.Count == 1)
            throw new InvalidInputException(path, "has a header but no rows");
        CsvRecord[] rows = [.. records.Skip(1).Select(record => record with { Fault = record.Fault ?? Ragged(path, record, header.Length) })];
        if (!keepBad && Array.Find(rows, row => row.Fault is not null).Fault is { } first)
            throw first;
        return new CsvTable(path, header, rows);
    }

    private static InvalidInputException? Ragged(string path, CsvRecord record, int columns) => record.Cells.Length == columns
        ? null
        : new InvalidInputException(path, $"has {Counted.Of(record.Cells.Length, "cell")}, the header has {columns}", record.Line);
}
