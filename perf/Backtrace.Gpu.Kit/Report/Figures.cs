using System.Text.Json;
using Backtrace.Gpu.Perf.Quick;

namespace Backtrace.Gpu.Kit.Report;

/// <summary>Rows of the kit's table, printed as they come and kept for a file of the form of perf/results.</summary>
internal sealed class Figures(TextWriter writer, string machine)
{
    private static readonly JsonSerializerOptions Options = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    private readonly List<Entry> entries = [];

    internal static void Head(TextWriter writer) => writer.WriteLine($"{"",-52} {"value",10} {"unit",-8} {"bar",8}  {"",-6} note");

    /// <summary>A figure for information.</summary>
    internal void Add(string name, double value, string unit, string note) => Add(new Bar(name, value, null, false, unit, note));

    internal void Add(Bar bar)
    {
        entries.Add(new Entry(bar.Name, Math.Round(bar.Value, 4), bar.Limit, bar.Unit, machine, bar.IsMinimum, bar.Holds, bar.Note));
        string limit = bar.Limit is { } l ? $"{(bar.IsMinimum ? ">=" : "<=")} {l:0.##}" : "";
        string verdict = bar.Holds switch { true => "ok", false => "MISSED", null => "" };
        writer.WriteLine($"{bar.Name,-52} {bar.Value,10:0.###} {bar.Unit,-8} {limit,8}  {verdict,-6} {bar.Note}");
        writer.Flush();
    }

    internal void Write(string path) => File.WriteAllText(path, JsonSerializer.Serialize(entries, Options));

    /// <summary>Makes one file of those that exist.</summary>
    internal static void Join(IEnumerable<string> files, string path)
    {
        Entry[] all = [.. files.Where(File.Exists).SelectMany(f => JsonSerializer.Deserialize<Entry[]>(File.ReadAllText(f), Options)!)];
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder)
            Directory.CreateDirectory(folder);
        File.WriteAllText(path, JsonSerializer.Serialize(all, Options) + "\n");
    }

    private sealed record Entry(string Name, double Value, double? Bar, string Unit, string Machine, bool AtLeast, bool? Holds, string Note);
}
