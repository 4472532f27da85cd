using System.Globalization;
using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Rows of a table: "0-9", "3", "0-4,17", "500-"; counted from 0, the first below the header.</summary>
internal sealed class RowSelection
{
    private readonly (int First, int Last)[] ranges;

    private RowSelection((int First, int Last)[] ranges) => this.ranges = ranges;

    /// <summary>The row with the largest number; the largest there is where the last range has no end.</summary>
    internal int Last => ranges.Max(range => range.Last);

    /// <summary>Whether the rows come in the order of the table, each once.</summary>
    internal bool IsAscending => ranges.Zip(ranges.Skip(1)).All(pair => pair.First.Last < pair.Second.First);

    /// <summary>The rows of a table of so many in the order of the text.</summary>
    internal IEnumerable<int> Of(int rows) => ranges.SelectMany(range => Enumerable.Range(range.First, Math.Min(range.Last, rows - 1) - range.First + 1));

    /// <summary>The same rows in the order of the table, each once.</summary>
    internal RowSelection Ascending()
    {
        List<(int First, int Last)> merged = [];
        foreach ((int first, int last) in ranges.Order())
        {
            if (merged.Count > 0 && first <= merged[^1].Last)
                merged[^1] = (merged[^1].First, Math.Max(last, merged[^1].Last));
            else
                merged.Add((first, last));
        }

        return new RowSelection([.. merged]);
    }

    /// <exception cref="UsageException">Not of this form.</exception>
    internal static RowSelection Parse(string text) => new([.. text.Split(',', StringSplitOptions.TrimEntries).Select(part =>
    {
        string[] ends = part.Split('-');
        if (ends is [_, ""] && TryRead(ends[0], out int begin))
            return (begin, int.MaxValue);
        return ends.Length <= 2 && TryRead(ends[0], out int first) && TryRead(ends[^1], out int last) && last >= first
            ? (first, last)
            : throw new UsageException($"--rows: '{part}' is no number and no range; 0-9, 3,5,7 and 500- are.");
    })]);

    /// <summary>Splits "loans.csv:0-9" into file and rows, unless a file has that very name.</summary>
    internal static (string Path, string? Rows) Split(string input)
    {
        int colon = input.LastIndexOf(':');
        string rows = input[(colon + 1)..];
        return colon > 0 && rows.Length > 0 && rows.All(c => char.IsAsciiDigit(c) || c is '-' or ',') && !File.Exists(input)
            ? (input[..colon], rows)
            : (input, null);
    }

    /// <param name="rows">Rows that there are.</param>
    /// <param name="noun">What one is called.</param>
    /// <exception cref="UsageException">A row is beyond them.</exception>
    internal void EnsureWithin(int rows, string noun = "row")
    {
        int needed = ranges.Max(range => range.Last == int.MaxValue ? range.First : range.Last);
        if (needed >= rows)
            throw new UsageException($"--rows: {noun} {needed} does not exist; there {(rows == 1 ? "is" : "are")} {Counted.Of(rows, noun)}, counted from 0{(rows == 1 ? "" : $" to {rows - 1}")}.");
    }

    /// <summary>The rows from one on, of an ascending selection; null where there are none.</summary>
    internal string? From(int row)
    {
        IEnumerable<(int First, int Last)> left = ranges.Where(range => range.Last >= row).Select(range => (Math.Max(range.First, row), range.Last));
        string text = string.Join(',', left.Select(range => range.Item1 == range.Last ? $"{range.Last}" : range.Last == int.MaxValue ? $"{range.Item1}-" : $"{range.Item1}-{range.Last}"));
        return text.Length > 0 ? text : null;
    }

    /// <summary>Whether a row belongs to a selection in any order.</summary>
    internal bool Names(int row) => ranges.Any(range => range.First <= row && row <= range.Last);

    /// <summary>Whether a row of an ascending selection belongs to it.</summary>
    internal bool Contains(int row)
    {
        int low = 0, high = ranges.Length - 1;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (ranges[middle].Last < row)
                low = middle + 1;
            else
                high = middle;
        }

        return ranges[low].First <= row && row <= ranges[low].Last;
    }

    private static bool TryRead(string text, out int value) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
