using System.Buffers;
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
    // A line without these is cut at its commas.
    private static readonly SearchValues<char> Special = SearchValues.Create(['\n', '\r', '"', '\0', TextFile.Undecodable]);

    private readonly List<string> cells = [];
    private readonly StringBuilder cell = new();
    private readonly CellPool pool = new();
    // What was read of a quoted cell beyond its first line. If the quote is a mistake, these are records that are read again.
    private readonly StringBuilder beyond = new();
    private readonly char[] buffer = new char[1 << 16];
    private string again = "";
    private int place, at, end, line = 1, begin = 1, opened;
    private bool quoted, closed;
    private InvalidInputException? fault;

    /// <summary>The next record; null at the end. Empty lines are none.</summary>
    /// <exception cref="InvalidInputException">A record is bad and must not be, or a zero character, which no text has.</exception>
    internal CsvRecord? Next()
    {
        while (Peek() >= 0)
        {
            if ((TakeLine(out CsvRecord? record) || Take()) && (record ?? EndRecord()) is { } found)
                return found;
        }

        if (quoted)
        {
            Break("a quoted cell begins here that does not end");
            return EndRecord() ?? Next();
        }

        return cell.Length > 0 || cells.Count > 0 || closed || fault is not null ? EndRecord() : null;
    }

    // Most lines hold nothing special: then they are a record each.
    private bool TakeLine(out CsvRecord? record)
    {
        record = null;
        if (place < again.Length || cells.Count > 0 || cell.Length > 0 || quoted || closed || fault is not null)
            return false;
        int length = buffer.AsSpan(at, end - at).IndexOfAny(Special);
        if (length < 0 && at > 0)
        {
            // The rest of the line is to lie behind its begin.
            buffer.AsSpan(at, end - at).CopyTo(buffer);
            (at, end) = (0, end - at);
            end += text.ReadBlock(buffer, end, buffer.Length - end);
            length = buffer.AsSpan(0, end).IndexOfAny(Special);
        }

        int next = at + length + 1;
        if (length <= 0 || (buffer[next - 1] != '\n' && !(buffer[next - 1] == '\r' && next < end && buffer[next++] == '\n')))
            return false;
        ReadOnlySpan<char> left = buffer.AsSpan(at, length);
        for (int comma = left.IndexOf(','); comma >= 0; comma = left.IndexOf(','))
        {
            cells.Add(pool.Text(left[..comma]));
            left = left[(comma + 1)..];
        }

        cells.Add(pool.Text(left));
        record = new CsvRecord([.. cells], begin, null);
        cells.Clear();
        begin = ++line;
        at = next;
        return true;
    }

    // Reads one character; true if it ends a record.
    private bool Take()
    {
        char c = (char)Peek();
        Skip();
        bool ends = c == '\n' || (c == '\r' && Peek() != '\n');
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
            else if (Peek() == '"')
            {
                cell.Append('"');
                if (goOn && line > opened)
                    beyond.Append('"');
                Skip();
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
        if (line > opened)
        {
            again = string.Concat(beyond.ToString(), again.AsSpan(place));
            place = 0;
            line = opened + 1;
            return true;
        }

        while (Peek() is >= 0 and not '\n' and not '\r')
            Skip();
        if (Peek() >= 0)
            line++;
        if (Peek() == '\r')
            Skip();
        if (Peek() == '\n')
            Skip();
        return true;
    }

    private int Peek()
    {
        if (place < again.Length)
            return again[place];
        if (at == end)
            (at, end) = (0, text.ReadBlock(buffer));
        return at < end ? buffer[at] : -1;
    }

    private void Skip()
    {
        if (place < again.Length)
            place++;
        else
            at++;
    }

    private void EndCell()
    {
        Span<char> copy = cell.Length <= 256 ? stackalloc char[cell.Length] : new char[cell.Length];
        cell.CopyTo(0, copy, copy.Length);
        cells.Add(pool.Text(copy));
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
