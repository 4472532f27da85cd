using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Models;

/// <summary>
/// A comma-separated file with a header, read from its first row to its last, some rows at a time: a table of any length needs no more memory than these.
/// Quotes, quoted line breaks and all kinds of line ends are understood (RFC 4180).
/// </summary>
public sealed class CsvFile : IDisposable
{
    private readonly DecodedFile file;
    private readonly bool keepBad;
    private CsvParser parser;

    private CsvFile(string path, bool keepBad)
    {
        Path = path;
        this.keepBad = keepBad;
        file = new DecodedFile(path, keepBad);
        parser = new CsvParser(path, file.Text, keepBad);
        try
        {
            Columns = Header(file.Guard(parser.Next) ?? throw new InvalidInputException(path, "is empty"));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Column names of the header, in order, each once.</summary>
    public IReadOnlyList<string> Columns { get; }

    /// <summary>Opens a file and reads its header.</summary>
    /// <param name="path">The file.</param>
    /// <param name="keepBad">True to keep bad rows, so that rows keep their numbers; <see cref="CsvTable.FaultOf"/> tells them.</param>
    /// <exception cref="InvalidInputException">Missing, empty or no text; separated by anything but commas; a repeated column name.</exception>
    public static CsvFile Open(string path, bool keepBad = false) => new(path, keepBad);

    /// <summary>The next rows.</summary>
    /// <param name="most">So many, or what is left of them: none at the end.</param>
    /// <exception cref="InvalidInputException">No text, or a bad row that is not to be kept: another number of cells than the header, broken quotes.</exception>
    public CsvTable Read(int most) => file.Guard(() =>
    {
        List<CsvRecord> rows = [];
        while (rows.Count < most && parser.Next() is { } record)
        {
            InvalidInputException? fault = record.Fault ?? Ragged(record);
            if (fault is not null && !keepBad)
                throw fault;
            rows.Add(record with { Fault = fault });
        }
        return new CsvTable(Path, Columns, [.. rows]);
    });

    /// <summary>Goes back to the first row.</summary>
    public void Rewind()
    {
        file.Rewind();
        parser = new CsvParser(Path, file.Text, keepBad);
        file.Guard(parser.Next);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();

    private InvalidInputException? Ragged(CsvRecord record) => record.Cells.Length == Columns.Count
        ? null
        : new InvalidInputException(Path, $"has {Counted.Of(record.Cells.Length, "cell")}, the header has {Columns.Count}", record.Line);

    private string[] Header(CsvRecord record)
    {
        if (record.Fault is not null)
            throw record.Fault;
        string[] header = [.. record.Cells.Select(name => name.Trim())];
        if (header is [var all] && all.AsSpan().IndexOfAny(";\t") is >= 0 and var at)
            throw new InvalidInputException(Path, $"the header is separated by {(all[at] == ';' ? "semicolons" : "tabs")}; save the table with commas between cells and points in numbers", record.Line);
        string? repeated = header.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1)?.Key;
        if (repeated is not null)
            throw new InvalidInputException(Path, repeated.Length == 0 ? "the header has more than one column without a name" : $"the header names column '{repeated}' more than once", record.Line);
        return header;
    }
}
