namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>Checks names that users choose from a list.</summary>
internal static class KnownNames
{
    private const double Close = 0.4; // changed letters per letter

    /// <exception cref="UsageException">Some are not in the list; says which, what is close to them, and the list.</exception>
    internal static void Check(string option, IReadOnlyList<string> chosen, IReadOnlyList<string> known)
    {
        string[] unknown = [.. chosen.Except(known)];
        if (unknown.Length == 0)
            return;
        string[] close = [.. unknown.SelectMany(name => Nearest(name, known)).Distinct()];
        string meant = close.Length > 0 ? $" Did you mean {string.Join(", ", close)}?" : "";
        throw new UsageException($"{option}: there is no {string.Join(", ", unknown)} here.{meant} Known: {string.Join(", ", known)}.");
    }

    // Without regard to case and to what stands between words.
    private static IEnumerable<string> Nearest(string name, IReadOnlyList<string> known)
    {
        string plain = Plain(name);
        string? nearest = known.MinBy(other => Changes(plain, Plain(other)));
        return nearest is not null && Changes(plain, Plain(nearest)) <= Close * plain.Length ? [nearest] : [];
    }

    private static string Plain(string name) => string.Concat(name.Where(char.IsLetterOrDigit)).ToLowerInvariant();

    // Levenshtein: the fewest insertions, deletions and replacements that make one text of the other.
    private static int Changes(string a, string b)
    {
        int[] last = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 0; i < a.Length; i++)
        {
            int[] row = [i + 1, .. new int[b.Length]];
            for (int j = 0; j < b.Length; j++)
                row[j + 1] = Math.Min(Math.Min(row[j], last[j + 1]) + 1, last[j] + (a[i] == b[j] ? 0 : 1));
            last = row;
        }

        return last[^1];
    }
}
