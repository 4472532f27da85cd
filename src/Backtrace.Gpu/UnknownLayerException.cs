namespace Backtrace.Gpu;

/// <summary>An option names a layer or a module that the model does not have, or one that the option does not fit.</summary>
public sealed class UnknownLayerException : ArgumentException
{
    private const int Shown = 5;

    /// <summary>Says what is wrong.</summary>
    public UnknownLayerException(string message)
        : base(message)
    {
    }

    /// <summary>Says which name is unknown, and which known ones are close to it.</summary>
    /// <param name="what">What the name was given for, such as <c>a rule</c>.</param>
    /// <param name="name">The unknown name.</param>
    /// <param name="known">The names that exist.</param>
    public UnknownLayerException(string what, string name, IEnumerable<string> known)
        : base($"The options have {what} for '{name}', but the model has no such layer. {Closest(name, known)}")
    {
    }

    /// <summary>Says what is wrong, with the cause.</summary>
    public UnknownLayerException(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>For serializers.</summary>
    public UnknownLayerException()
    {
    }

    private static string Closest(string name, IEnumerable<string> known)
    {
        string[] close = [.. known.OrderBy(k => Distance(name, k)).ThenBy(k => k, StringComparer.Ordinal).Take(Shown)];
        return close.Length == 0 ? "It has no layers." : $"Close names: {string.Join(", ", close)}.";
    }

    // Levenshtein: the fewest insertions, deletions and replacements that make one text of the other.
    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[b.Length];
    }
}
