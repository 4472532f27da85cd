using System.Globalization;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Rows of a table: "0-9", "3", "0-4,17"; counted from 0, the first below the header.</summary>
internal static class RowRange
{
    /// <exception cref="UsageException">Not of this form, or beyond the table.</exception>
    internal static IReadOnlyList<int> Parse(string text, int rows)
    {
        List<int> result = [];
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            string[] ends = part.Split('-');
            if (ends.Length > 2 || !TryRead(ends[0], out int first) || !TryRead(ends[^1], out int last) || last < first)
                throw new UsageException($"--rows: '{part}' is no range of rows; 0-9 and 3,5,7 are.");
            if (last >= rows)
                throw new UsageException($"--rows: row {last} does not exist; the table has {rows} (0 to {rows - 1}).");
            result.AddRange(Enumerable.Range(first, last - first + 1));
        }

        return result;
    }

    /// <summary>Splits "loans.csv:0-9" into file and rows, unless a file has that very name.</summary>
    internal static (string Path, string? Rows) Split(string input)
    {
        int colon = input.LastIndexOf(':');
        string rows = input[(colon + 1)..];
        return colon > 0 && rows.Length > 0 && rows.All(c => char.IsAsciiDigit(c) || c is '-' or ',') && !File.Exists(input)
            ? (input[..colon], rows)
            : (input, null);
    }

    private static bool TryRead(string text, out int value) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
