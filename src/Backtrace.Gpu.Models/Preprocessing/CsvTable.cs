using System.Text;

namespace Backtrace.Gpu.Models;

/// <summary>A comma-separated file with a header, as text. Quotes, quoted line breaks and both kinds of line ends are understood (RFC 4180).</summary>
public sealed class CsvTable
{
    private CsvTable(string path, IReadOnlyList<string> columns, IReadOnlyList<string[]> rows)
    {
        Path = path;
        Columns = columns;
        Rows = rows;
    }

    /// <summary>File it came from.</summary>
    public string Path { get; }

    /// <summary>Column names of the header, in order, each once.</summary>
    public IReadOnlyList<string> Columns { get; }

    /// <summary>Cells of each data row, one per column.</summary>
    public IReadOnlyList<string[]> Rows { get; }

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
    public CsvTable Take(IEnumerable<int> rows) => new(Path, Columns, [.. rows.Select(i => Rows[i])]);

    /// <summary>Reads a whole file.</summary>
    /// <exception cref="InvalidInputException">Missing or empty, a repeated column name, no rows, or a row with another number of cells than the header.</exception>
    public static CsvTable Read(string path)
    {
        if (!File.Exists(path))
            throw new InvalidInputException(path, "there is no such file");
        List<string[]> records = Parse(path);
        if (records.Count == 0)
            throw new InvalidInputException(path, "is empty");
        string[] header = [.. records[0].Select(name => name.Trim())];
        string? repeated = header.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1)?.Key;
        if (repeated is not null)
            throw new InvalidInputException(path, $"the header names column '{repeated}' more than once");
        if (records.Count == 1)
            throw new InvalidInputException(path, "has a header but no rows");
        for (int row = 1; row < records.Count; row++)
        {
            if (records[row].Length != header.Length)
                throw new InvalidInputException(path, $"has {records[row].Length} cells, the header has {header.Length}", row);
        }
        return new CsvTable(path, header, records[1..]);
    }

    // Read as it is parsed: the text of a table with millions of rows has no room in one string.
    private static List<string[]> Parse(string path)
    {
        using StreamReader text = new(path, Encoding.UTF8, detectEncodingFromByteOrderMarks: true, bufferSize: 1 << 16);
        List<string[]> records = [];
        List<string> cells = [];
        StringBuilder cell = new();
        CellPool pool = new();
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
                records.Add([.. cells]);
            cells.Clear();
        }
        for (int next = text.Read(); next >= 0;)
        {
            char c = (char)next;
            next = text.Read();
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
                    break;
                case ',':
                    EndCell();
                    break;
                case '\n':
                    EndRecord();
                    break;
                case '\r' when next == '\n':
                    break;
                default:
                    cell.Append(c);
                    break;
            }
        }
        if (quoted)
            throw new InvalidInputException(path, "ends inside a quoted cell", records.Count);
        if (cell.Length > 0 || cells.Count > 0)
            EndRecord();
        return records;
    }
}
