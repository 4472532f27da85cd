namespace Backtrace.Gpu.Perf.Quick;

/// <summary>Prints bars as they come and writes them for programs.</summary>
internal sealed class Summary(TextWriter writer)
{
    private readonly List<Bar> bars = [];

    public bool AllHold => bars.TrueForAll(b => b.Holds != false);

    public void Head() => writer.WriteLine($"{"",-44} {"value",8} {"bar",8}  {"",-6} note");

    public void Add(Bar bar)
    {
        bars.Add(bar);
        writer.WriteLine($"{bar.Name,-44} {bar.Value,8:0.00} {bar.Verdict} {bar.Note}");
        writer.Flush();
    }

    /// <summary>One entry per bar; figures without bar are left out.</summary>
    public void Write(string path)
    {
        SummaryEntry.Write(path, bars.Where(b => b.Limit is not null).Select(b => SummaryEntry.Of(b, Machine.Line)));
        writer.WriteLine();
        writer.WriteLine($"{bars.Count(b => b.Holds == true)} bars hold, {bars.Count(b => b.Holds == false)} are missed: {path}");
    }
}
