using Backtrace.Gpu.Perf.Quick;

namespace Backtrace.Gpu.Kit.Report;

/// <summary>Rows of the kit's table, printed as they come and kept for a file of the form of perf/results.</summary>
internal sealed class Figures(TextWriter writer, string machine)
{
    private readonly List<SummaryEntry> entries = [];

    internal static void Head(TextWriter writer) => writer.WriteLine($"{"",-52} {"value",10} {"unit",-8} {"bar",8}  {"",-6} note");

    /// <summary>A figure for information.</summary>
    internal void Add(string name, double value, string unit, string note) => Add(new Bar(name, value, null, false, unit, note));

    internal void Add(Bar bar)
    {
        entries.Add(SummaryEntry.Of(bar, machine));
        writer.WriteLine($"{bar.Name,-52} {bar.Value,10:0.###} {bar.Unit,-8} {bar.Verdict} {bar.Note}");
        writer.Flush();
    }

    internal void Write(string path) => SummaryEntry.Write(path, entries);

    /// <summary>Makes one file of those that exist.</summary>
    internal static void Join(IEnumerable<string> files, string path) => SummaryEntry.Write(path, files.Where(File.Exists).SelectMany(SummaryEntry.Read));
}
