using System.Text.Json;

namespace Backtrace.Gpu.Perf.Quick;

/// <summary>A figure in a summary for programs (docs/performance.md).</summary>
internal sealed record SummaryEntry(string Name, double Value, double? Bar, string Unit, string Machine, bool AtLeast, bool? Holds, string Note)
{
    private static readonly JsonSerializerOptions Options = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    public static SummaryEntry Of(Bar bar, string machine) => new(bar.Name, Math.Round(bar.Value, 4), bar.Limit, bar.Unit, machine, bar.IsMinimum, bar.Holds, bar.Note);

    public static void Write(string path, IEnumerable<SummaryEntry> entries)
    {
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder)
            Directory.CreateDirectory(folder);
        File.WriteAllText(path, JsonSerializer.Serialize(entries, Options) + "\n");
    }

    public static SummaryEntry[] Read(string path) => JsonSerializer.Deserialize<SummaryEntry[]>(File.ReadAllText(path), Options)!;
}
