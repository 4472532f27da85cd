using Backtrace.Gpu.Models;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>
/// Rows of a table in its order, read as they are explained: of a table of any length only those of one pass are in memory, and those of the next one, which
/// another thread reads meanwhile. Batches follow each other, or begin at the first row again; of rows before the last batch nothing is known any more.
/// </summary>
/// <param name="file">The table; taken over.</param>
/// <param name="preprocessing">How its cells become numbers.</param>
/// <param name="survey">What was found in it.</param>
internal sealed class StreamedRows(CsvFile file, TabularPreprocessing preprocessing, TableSurvey survey) : TableSamples(preprocessing)
{
    private RowWindow window = new(0);
    private Task<RowWindow>? ahead;
    // The part of the table that is read, the number of its first row, and how many of its rows were taken.
    private TabularRows? part;
    private int begin, taken, end;

    internal override int Count => survey.Count;

    /// <summary>Number of rows up to the end of the table or to the part of it with the last row that is explained.</summary>
    internal int RowsRead => survey.RowsRead;

    internal override string Path => file.Path;

    internal override int Row(int n) => window.Number(n);

    internal override IReadOnlyList<string> Cells(int n)
    {
        (CsvTable table, int row) = window.Text(n);
        return Used(table, row);
    }

    internal override int? Label(int n) => window.Label(n);

    /// <exception cref="InvalidInputException">The file is no longer what it was.</exception>
    internal override Tensor Batch(int first, int count)
    {
        RowWindow? next = Ahead();
        if (next is null || next.First != first || next.Count != count)
        {
            next?.Dispose();
            Rewind(first);
            next = Read(first, count);
        }

        window.Dispose();
        window = next;
        int then = Math.Min(count, Count - first - count);
        if (then > 0)
            ahead = Task.Run(() => Read(first + count, then));
        return window.Values();
    }

    public override void Dispose()
    {
        try
        {
            Ahead()?.Dispose();
        }
        catch (InvalidInputException)
        {
            // Nobody asked for these rows.
        }

        window.Dispose();
        part?.Dispose();
        file.Dispose();
    }

    private RowWindow? Ahead()
    {
        Task<RowWindow>? reading = ahead;
        ahead = null;
        return reading?.GetAwaiter().GetResult();
    }

    private void Rewind(int first)
    {
        if (first != 0)
            throw new InvalidOperationException("Rows are read one after the other.");
        part?.Dispose();
        part = null;
        begin = taken = end = 0;
        file.Rewind();
    }

    private RowWindow Read(int first, int count)
    {
        RowWindow rows = new(first);
        try
        {
            while (rows.Count < count)
            {
                if (part is null || taken == part.Rows.Count)
                    ReadPart();
                int here = Math.Min(count - rows.Count, part!.Rows.Count - taken);
                if (here > 0)
                    rows.Add(part, begin, taken, here);
                taken += here;
            }

            return rows;
        }
        catch
        {
            rows.Dispose();
            throw;
        }
    }

    private void ReadPart()
    {
        CsvTable table = file.Read(UsualBatch);
        if (table.Rows.Count == 0)
            throw new InvalidInputException(Path, "has fewer rows than a moment ago: something writes to it; explain a copy");
        part?.Dispose();
        part = Preprocessing.EncodeRows(table, survey.Wanted(end, table.Rows.Count));
        (begin, end, taken) = (end, end + table.Rows.Count, 0);
    }
}
