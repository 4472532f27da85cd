namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>Checks names that users choose from a list.</summary>
internal static class KnownNames
{
    /// <exception cref="UsageException">Some are not in the list; says which, what is close to them, and the list.</exception>
    internal static void Check(string option, IReadOnlyList<string> chosen, IReadOnlyList<string> known)
    {
        string[] unknown = [.. chosen.Except(known)];
        if (unknown.Length == 0)
            return;
        string[] close = [.. unknown.SelectMany(name => NearNames.Nearest(name, known)).Distinct()];
        string meant = close.Length > 0 ? $" Did you mean {string.Join(", ", close)}?" : "";
        throw new UsageException($"{option}: there is no {string.Join(", ", unknown)} here.{meant} Known: {string.Join(", ", known)}.");
    }
}
