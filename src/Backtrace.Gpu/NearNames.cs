namespace Backtrace.Gpu;

/// <summary>How alike names are, and what a misspelt one may mean.</summary>
internal static class NearNames
{
    private const double Close = 0.4; // changed letters per letter

    /// <summary>The fewest insertions, deletions, replacements and exchanges of neighbours that make one text of the other.</summary>
    public static int Distance(string a, string b)
    {
        int[] before = [], last = [], row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            (before, last, row) = (last, row, new int[b.Length + 1]);
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                row[j] = Math.Min(replaced, Math.Min(last[j], row[j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    row[j] = Math.Min(row[j], before[j - 2] + 1);
            }
        }

        return row[b.Length];
    }

    /// <summary>The known names that a name is closest to, without regard to case and to what stands between words; none if it is like none of them.</summary>
    public static IReadOnlyList<string> Nearest(string name, IEnumerable<string> known)
    {
        string plain = Plain(name);
        var nearest = known.Distinct().GroupBy(other => (Plain: Distance(plain, Plain(other)), Whole: Distance(name, other))).MinBy(group => group.Key);
        return nearest?.Key.Plain <= Close * plain.Length ? [.. nearest] : [];
    }

    /// <summary>" Did you mean cat?", to end a message with; empty if nothing known is like the name.</summary>
    public static string Hint(string name, IEnumerable<string> known) => Nearest(name, known) is { Count: > 0 } close ? $" Did you mean {string.Join(" or ", close)}?" : "";

    private static string Plain(string name) => string.Concat(name.Where(char.IsLetterOrDigit)).ToLowerInvariant();
}
