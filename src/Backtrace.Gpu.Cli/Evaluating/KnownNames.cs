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
        string? nearest = known.MinBy(other => NearNames.Distance(plain, Plain(other)));
        return nearest is not null && NearNames.Distance(plain, Plain(nearest)) <= Close * plain.Length ? [nearest] : [];
    }

    private static string Plain(string name) => string.Concat(name.Where(char.IsLetterOrDigit)).ToLowerInvariant();
}
