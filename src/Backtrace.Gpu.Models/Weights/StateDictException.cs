namespace Backtrace.Gpu.Models;

/// <summary>A weight file does not fit a module. Everything that does not fit is listed, not only the first finding.</summary>
public sealed class StateDictException : ModelException
{
    internal StateDictException(string file, IReadOnlyList<string> missing, IReadOnlyList<string> unexpected, IReadOnlyList<string> mismatched)
        : base($"{file} does not fit the model: " + string.Join("; ", new[]
        {
            Part("missing", missing), Part("unexpected", unexpected), Part("mismatched", mismatched),
        }.Where(part => part.Length > 0)) + ".")
    {
        Missing = missing;
        Unexpected = unexpected;
        Mismatched = mismatched;
    }

    /// <summary>Parameters and buffers of the module that the file lacks.</summary>
    public IReadOnlyList<string> Missing { get; }

    /// <summary>Tensors of the file that the module has no place for.</summary>
    public IReadOnlyList<string> Unexpected { get; }

    /// <summary>Tensors whose shape or kind of element differs, with both.</summary>
    public IReadOnlyList<string> Mismatched { get; }

    private static string Part(string label, IReadOnlyList<string> items)
    {
        const int shown = 8;
        if (items.Count == 0)
            return "";
        return $"{items.Count} {label} ({string.Join(", ", items.Take(shown))}{(items.Count > shown ? ", ..." : "")})";
    }
}
