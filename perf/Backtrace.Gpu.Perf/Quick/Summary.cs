using System.Text.Json;
using Backtrace.Gpu.Perf;

namespace Backtrace.Gpu.Perf.Quick;

/// <summary>Prints bars as they come and writes them for programs.</summary>
internal sealed class Summary(TextWriter writer)
{
    private static readonly JsonSerializerOptions Options = new() { WriteIndented = true };

    private readonly List<Bar> bars = [];

    public bool AllHold => bars.TrueForAll(b => b.Holds != false);

    public void Head() => writer.WriteLine($"{"",-44} {"value",8} {"bar",8}  {"",-6} note");

    public void Add(Bar bar)
    {
        bars.Add(bar);
        string limit = bar.Limit is { } l ? $"{(bar.IsMinimum ? ">=" : "<=")} {l:0.##}" : "";
        string verdict = bar.Holds switch { true => "ok", false => "MISSED", null => "" };
        writer.WriteLine($"{bar.Name,-44} {bar.Value,8:0.00} {limit,8}  {verdict,-6} {bar.Note}");
        writer.Flush();
    }

    /// <summary>One entry per bar; figures without bar are left out.</summary>
    public void Write(string path)
    {
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder)
            Directory.CreateDirectory(folder);
        var entries = bars.Where(b => b.Limit is not null)
            .Select(b => new { name = b.Name, value = Math.Round(b.Value, 4), bar = b.Limit, unit = b.Unit, machine = Machine.Line, atLeast = b.IsMinimum, holds = b.Holds, note = b.Note });
        File.WriteAllText(path, JsonSerializer.Serialize(entries, Options) + "\n");
        writer.WriteLine();
        writer.WriteLine($"{bars.Count(b => b.Holds == true)} bars hold, {bars.Count(b => b.Holds == false)} are missed: {path}");
    }
}
