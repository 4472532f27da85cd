namespace Backtrace.Gpu.Cli;

/// <summary>Values of options that take several names, each alone or with commas between them.</summary>
internal static class NameList
{
    internal static IReadOnlyList<string> Of(string[] values) =>
        [.. values.SelectMany(value => value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)).Distinct()];
}
