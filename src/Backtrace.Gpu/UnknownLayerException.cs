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
        string[] close = [.. known.OrderBy(k => !k.StartsWith(name, StringComparison.OrdinalIgnoreCase)).ThenBy(k => NearNames.Distance(name, k)).ThenBy(k => k, StringComparer.Ordinal).Take(Shown)];
        return close.Length == 0 ? "It has no layers." : $"Close names: {string.Join(", ", close)}.";
    }
}
