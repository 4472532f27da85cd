using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>A first look at a whole table: what is wrong with its rows is known before any is explained.</summary>
internal sealed class TableSurvey
{
    private const int PartRows = 1024;

    private readonly RowSelection? selection;
    private readonly HashSet<int> bad = [];

    private TableSurvey(RowSelection? selection) => this.selection = selection;

    /// <summary>Number of rows that can be explained.</summary>
    internal int Count { get; private set; }

    /// <summary>Number of rows that were looked at; those behind the last one that is explained are not.</summary>
    internal int RowsRead { get; private set; }

    /// <summary>Reads the table.</summary>
    /// <param name="file">The table, at its first row.</param>
    /// <param name="preprocessing">How cells become numbers.</param>
    /// <param name="selection">The rows to be explained, ascending; null for all.</param>
    /// <param name="remarks">Receives the rows that can be explained.</param>
    /// <param name="skipped">Called with the message for each row that cannot be used, which is then left out; null to stop there.</param>
    /// <param name="progress">Told how many rows were read.</param>
    /// <param name="cancellation">Stops between parts.</param>
    /// <exception cref="InvalidInputException">A row is bad, or all are.</exception>
    /// <exception cref="UsageException">The selection goes beyond the table.</exception>
    internal static TableSurvey Of(CsvFile file, TabularPreprocessing preprocessing, RowSelection? selection, ColumnRemarks remarks, Action<string>? skipped, RunProgress progress, CancellationToken cancellation)
    {
        TableSurvey survey = new(selection);
        SkippedRows left = new(skipped);
        int begin = 0;
        CsvTable part = file.Read(PartRows);
        while (part.Rows.Count > 0)
        {
            cancellation.ThrowIfCancellationRequested();
            // Nothing is asked of the rows behind the last one that is explained.
            int most = begin + part.Rows.Count > selection?.Last ? 0 : PartRows;
            Task<CsvTable> next = Task.Run(() => file.Read(most), CancellationToken.None);
            try
            {
                Look(part);
            }
            finally
            {
                // Nobody else may use the file, nor close it, before.
                Task.WaitAny([next], CancellationToken.None);
            }

            begin += part.Rows.Count;
            progress($"reading rows: {Numbers.Count(begin)}", 0, 0);
            part = next.GetAwaiter().GetResult();
        }

        if (begin == 0)
            throw new InvalidInputException(file.Path, "has a header but no rows");
        selection?.EnsureWithin(begin);
        left.EnsureLeft(survey.Count);
        survey.RowsRead = begin;
        return survey;

        void Look(CsvTable part)
        {
            int[] wanted = survey.Wanted(begin, part.Rows.Count);
            using TabularRows rows = preprocessing.EncodeRows(part, wanted, left.Add);
            if (rows.Rows.Count < wanted.Length)
                survey.bad.UnionWith(wanted.Except(rows.Rows).Select(row => begin + row));
            survey.Count += rows.Rows.Count;
            remarks.Add(rows);
        }
    }

    /// <summary>Which rows of a part of the table are explained.</summary>
    /// <param name="begin">Number of its first row.</param>
    /// <param name="count">Number of its rows.</param>
    /// <returns>Places in the part, ascending.</returns>
    internal int[] Wanted(int begin, int count) =>
        [.. Enumerable.Range(0, count).Where(row => selection?.Contains(begin + row) != false && !bad.Contains(begin + row))];
}
