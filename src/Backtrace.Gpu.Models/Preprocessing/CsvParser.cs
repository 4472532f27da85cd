using System.Text;

namespace Backtrace.Gpu.Models;

/// <summary>One record of a comma-separated file.</summary>
/// <param name="Cells">Its cells.</param>
/// <param name="Line">Line that it begins on, from 1.</param>
/// <param name="Fault">Why it cannot be used; null for a good one.</param>
internal readonly record struct CsvRecord(string[] Cells, int Line, InvalidInputException? Fault);

/// <summary>Cuts comma-separated text into records as it is read: the text of a table with millions of rows has no room in one string.</summary>
/// <param name="path">The file, for messages.</param>
/// <param name="text">Its text.</param>
/// <param name="goOn">True to mark bad records and go on at the line after the one where the fault is; false to stop at the first one.</param>
internal sealed class CsvParser(string path, TextReader text, bool goOn)
{
    private readonly List<string> cells = [];
    private readonly StringBuilder cell = new();
    private readonly CellPool pool = new();
    // What was read of a quoted cell beyond its first line. If the quote is a mistake, these are records that are read again.
    private readonly StringBuilder beyond = new();
    private string again = "";
    private int place, next, line = 1, begin = 1, opened;
    private bool quoted, closed;
    private InvalidInputException? fault;

    /// <summary>All records; empty lines are none.</summary>
    /// <exception cref="InvalidInputException">A record is bad and must not be, or a zero character, which no text has.</exception>
    internal IEnumerable<CsvRecord> Read()
    {
        next = Next();
        while (true)
        {
            while (next >= 0)
            {
                if (Take() && EndRecord() is { } record)
                    yield return record;
            }

            if (!quoted)
                break;
            Break("a quoted cell begins here that does not end");
            if (EndRecord() is { } broken)
                yield return broken;
        }

        if ((cell.Length > 0 || cells.Count > 0 || closed || fault is not null) && EndRecord() is { } last)
            yield return last;
    }

    // Reads one character; true if it ends a record.
    private bool Take()
    {
        char c = (char)next;
        next = Next();
        bool ends = c == '\n' || (c == '\r' && next != '\n');
        if (c == '\0')
            throw TextFile.NoText(path, line);
        if (c == TextFile.Undecodable && goOn)
            fault ??= TextFile.NoUtf8(path, line);
        if ((quoted || closed) && goOn && line > opened)
            beyond.Append(c);
        if (ends)
            line++;
        if (quoted)
        {
            if (c != '"')
            {
                cell.Append(c);
            }
            else if (next == '"')
            {
                cell.Append('"');
                if (goOn && line > opened)
                    beyond.Append('"');
                next = Next();
            }
            else
            {
                (quoted, closed) = (false, true);
            }

            return false;
        }

        switch (c)
        {
            case '"' when cell.Length == 0 && !closed:
                quoted = true;
                opened = line;
                return false;
            case ',':
                EndCell();
                return false;
            case '\n' or '\r':
                return ends;
            default:
                if (closed && c != ' ')
                    return Break("a quoted cell begins here that has more behind its closing quote; a quote inside it is written twice");
                cell.Append(c);
                return false;
        }
    }

    // A quote that nobody can make sense of spoils its line, not the lines that it seemed to reach over.
    private bool Break(string problem)
    {
        fault = new InvalidInputException(path, problem, opened);
        if (!goOn)
            throw fault;
        quoted = false;
        if (line == opened)
        {
            while (next is >= 0 and not '\n' and not '\r')
                next = Next();
            if (next == '\r' && (next = Next()) != '\n')
                line++;
            else if (next == '\n')
                (line, next) = (line + 1, Next());
        }
        else
        {
            if (next >= 0)
                beyond.Append((char)next);
            again = string.Concat(beyond.ToString(), again.AsSpan(place));
            place = 0;
            line = opened + 1;
            next = Next();
        }

        return true;
    }

    private int Next() => place < again.Length ? again[place++] : text.Read();

    private void EndCell()
    {
        cells.Add(pool.Text(cell));
        cell.Clear();
        beyond.Clear();
        closed = false;
    }

    private CsvRecord? EndRecord()
    {
        EndCell();
        if (fault is not null && !goOn)
            throw fault;
        // An empty line, as at the end of most files, is no row.
        CsvRecord? record = cells.Count > 1 || cells[0].Length > 0 || fault is not null ? new CsvRecord([.. cells], begin, fault) : null;
        cells.Clear();
        fault = null;
        begin = line;
        return record;
    }
}
