using System.Globalization;
using System.Text.Json;

namespace Backtrace.Gpu.Tests.Golden;

/// <summary>Attributes of a golden node: text in operator files, JSON in model graphs.</summary>
internal sealed class FixtureAttributes
{
    private readonly Dictionary<string, string> values;

    internal FixtureAttributes(IReadOnlyDictionary<string, string> metadata) => values = new(metadata);

    internal FixtureAttributes(JsonElement att) =>
        values = att.EnumerateObject().ToDictionary(p => p.Name, p => Text(p.Value));

    internal string? Get(string name) => values.TryGetValue(name, out string? value) && value != "none" ? value : null;

    internal bool Flag(string name) => Get(name) == "true";

    internal double Number(string name, double missing) => Get(name) is { } text ? double.Parse(text, CultureInfo.InvariantCulture) : missing;

    internal long Integer(string name, long missing = 0) => Get(name) is { } text ? long.Parse(text, CultureInfo.InvariantCulture) : missing;

    /// <summary>A list with one entry per axis; one value serves all axes.</summary>
    internal long[] List(string name, int axes = 0, long missing = 0)
    {
        if (Get(name) is not { } text)
            return [.. Enumerable.Repeat(missing, axes)];
        long[] list = [.. text.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(t => long.Parse(t, CultureInfo.InvariantCulture))];
        return list.Length == 1 && axes > 1 ? [.. Enumerable.Repeat(list[0], axes)] : list;
    }

    private static string Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => string.Join(",", value.EnumerateArray().Select(Text)),
        JsonValueKind.Null => "none",
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => value.ToString(),
    };
}
