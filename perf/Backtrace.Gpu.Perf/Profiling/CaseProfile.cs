using System.Diagnostics;
using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Perf.Cases;
using Backtrace.Gpu.Perf.Quick;
using Backtrace.Gpu.Targets;

namespace Backtrace.Gpu.Perf.Profiling;

/// <summary>Where the time of one explanation goes.</summary>
internal static class CaseProfile
{
    private const int NodesShown = 12;

    public static int Run(string name, PerfOptions options)
    {
        using Case work = Case.Create(name);
        using Backtracer backtracer = new(work.Model, options: new BacktracerOptions
        {
            Mode = options.Contrastive ? Mode.Contrastive : Mode.Default,
            ContractionLibrary = options.Library,
            Precision = options.BFloat16 ? ContractionPrecision.BFloat16 : ContractionPrecision.Single,
        });
        Rounds rounds = Rounds.Measure(options.Seconds, work.Forward, () => backtracer.Record([work.Input]).Dispose(), work.Gradient, () => work.Explain(backtracer));
        Console.WriteLine($"{work.Name}, medians of {rounds.Count} rounds");
        Console.WriteLine($"  forward                 {rounds.Median(0),9:0.000} ms");
        Console.WriteLine($"  forward, recorded       {rounds.Median(1),9:0.000} ms");
        Console.WriteLine($"  gradient x input        {rounds.Median(2),9:0.000} ms");
        Console.WriteLine($"  explanation             {rounds.Median(3),9:0.000} ms   {rounds.Ratio(3, 2):0.00} x gradient x input");
        Rules(work, backtracer, options.Seconds);
        return 0;
    }

    private static void Rules(Case work, Backtracer backtracer, double seconds)
    {
        Dictionary<string, (Node Node, List<double> Times)> byNode = [];
        backtracer.Visited = (node, time) =>
        {
            if (!byNode.TryGetValue(node.Name, out var found))
                byNode.Add(node.Name, found = (node, []));
            found.Times.Add(time.TotalMilliseconds);
        };
        List<double> forward = [], relevance = [], total = [];
        long started = Stopwatch.GetTimestamp();
        while (total.Count < 5 || (total.Count < 500 && Stopwatch.GetElapsedTime(started).TotalSeconds < seconds))
        {
            long begin = Stopwatch.GetTimestamp();
            using Explanation explanation = backtracer.Explain(work.Input, Target.Argmax());
            total.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
            forward.Add(explanation.Facts.ForwardSeconds * 1000);
            relevance.Add(explanation.Facts.RelevanceSeconds * 1000);
        }

        var nodes = byNode.Values.Select(v => (v.Node, Time: Middle(v.Times))).ToList();
        double rules = nodes.Sum(n => n.Time);
        Console.WriteLine();
        Console.WriteLine($"inside an explanation, medians of {total.Count}");
        Console.WriteLine($"  recorded forward        {Middle(forward),9:0.000} ms");
        Console.WriteLine($"  relevance               {Middle(relevance),9:0.000} ms");
        Console.WriteLine($"    node visits           {rules,9:0.000} ms   in {nodes.Count} nodes");
        Console.WriteLine($"    seeds, reading        {Middle(relevance) - rules,9:0.000} ms");
        Console.WriteLine($"  checks, results         {Middle(total) - Middle(forward) - Middle(relevance),9:0.000} ms");
        Console.WriteLine();
        foreach (var kind in nodes.GroupBy(n => n.Node.Operation.Name).OrderByDescending(g => g.Sum(n => n.Time)))
            Console.WriteLine($"  {kind.Key,-22} {kind.Count(),5} nodes {kind.Sum(n => n.Time),9:0.000} ms  {100 * kind.Sum(n => n.Time) / rules,5:0.0} %");
        Console.WriteLine();
        foreach (var (node, time) in nodes.OrderByDescending(n => n.Time).Take(NodesShown))
            Console.WriteLine($"  {node.Name,-40} {node.Operation.Name,-20} {string.Join(',', node.Outputs[0].Shape),-20} {time,9:0.000} ms");
    }

    private static double Middle(List<double> times)
    {
        times.Sort();
        return times[times.Count / 2];
    }
}
