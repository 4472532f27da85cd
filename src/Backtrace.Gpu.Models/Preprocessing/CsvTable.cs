using System.Text;

namespace Backtrace.Gpu.Models;

/// <summary>A comma-separated file with a header, as text. Quotes, quoted line breaks and all kinds of line ends are understood (RFC 4180).</summary>
public sealed class CsvTable
{
    private readonly int[] lines;

    private CsvTable(string path, IReadOnlyList<string> columns, IReadOnlyList<string[]> rows, int[] lines)
    {
        Path = path;
        Columns = columns;
        Rows = rows;
        this.lines = lines;
    }

    /// <summary>File it came from.</summary>
    public string Path { get; }

    /// <summary>Column names of the header, in order, each once.</summary>
    public IReadOnlyList<string> Columns { get; }

    /// <summary>Cells of each data row, one per column.</summary>
    public IReadOnlyList<string[]> Rows { get; }

    /// <summary>Line of the file that a row begins on, counted from 1.</summary>
    /// <param name="row">Position of the row, from 0.</param>
    public int LineOf(int row) => lines[row];

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
    public CsvTable Take(IEnumerable<int> rows)
    {
        int[] taken = [.. rows];
        return new CsvTable(Path, Columns, [.. taken.Select(row => Rows[row])], [.. taken.Select(row => lines[row])]);
    }

    /// <summary>Reads a whole file.</summary>
    /// <exception cref="InvalidInputException">
    /// Missing, empty or no text; separated by anything but commas; a repeated column name, no rows, or a row with another number of cells than the header.
    /// </exception>
    public static CsvTable Read(string path)
    {
        (List<string[]> records, List<int> lines) = TextFile.Read(path, text => Parse(path, text));
        if (records.Count == 0)
            throw new InvalidInputException(path, "is empty");
        string[] header = [.. records[0].Select(name => name.Trim())];
        if (header is [var all] && all.AsSpan().IndexOfAny(";\t") is >= 0 and var at)
            throw new InvalidInputException(path, $"the header is separated by {(all[at] == ';' ? "semicolons" : "tabs")}; save the table with commas between cells and points in numbers", lines[0]);
        string? repeated = header.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1)?.Key;
        if (repeated is not null)
            throw new InvalidInputException(path, repeated.Length == 0 ? "the header has more than one column without a name" : $"the header names column '{repeated}' more than once", lines[0]);
        if (records.Count == 1)
            throw new InvalidInputException(path, "has a header but no rows");
        for (int row = 1; row < records.Count; row++)
        {
            if (records[row].Length != header.Length)
                throw new InvalidInputException(path, $"has {records[row].Length} cell{(records[row].Length == 1 ? "" : "s")}, the header has {header.Length}", lines[row]);
        }
        return new CsvTable(path, header, records[1..], [.. lines[1..]]);
    }

    // Read as it is parsed: the text of a table with millions of rows has no room in one string.
    private static (List<string[]> Records, List<int> Lines) Parse(string path, TextReader text)
    {
        List<string[]> records = [];
        List<int> lines = [];
        List<string> cells = [];
        StringBuilder cell = new();
        CellPool pool = new();
        int line = 1, begin = 1, opened = 0;
        bool quoted = false;
        void EndCell()
        {
            cells.Add(pool.Text(cell));
            cell.Clear();
        }
        void EndRecord()
        {
            EndCell();
            // An empty line, as at the end of most files, is no row.
            if (cells.Count > 1 || cells[0].Length > 0)
            {
                records.Add([.. cells]);
                lines.Add(begin);
            }
            cells.Clear();
            begin = line;
        }
        for (int next = text.Read(); next >= 0;)
        {
            char c = (char)next;
            next = text.Read();
            bool ends = c == '\n' || (c == '\r' && next != '\n');
            if (ends)
                line++;
            if (c == '\0')
                throw TextFile.NoText(path, line);
            if (quoted)
            {
                if (c != '"')
                {
                    cell.Append(c);
                }
                else if (next == '"')
                {
                    cell.Append('"');
                    next = text.Read();
                }
                else
                {
                    quoted = false;
                }
                continue;
            }
            switch (c)
            {
                case '"' when cell.Length == 0:
                    quoted = true;
                    opened = line;
                    break;
                case ',':
                    EndCell();
                    break;
                case '\n' or '\r':
                    if (ends)
                        EndRecord();
                    break;
                default:
                    cell.Append(c);
                    break;
            }
        }
        if (quoted)
            throw new InvalidInputException(path, "a quoted cell begins here that does not end", opened);
        if (cell.Length > 0 || cells.Count > 0)
            EndRecord();
        return (records, lines);
    }
}
