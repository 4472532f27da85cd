using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Kernels.Rules.Recurrent;
using Backtrace.Gpu.Perf.Cases;
using Backtrace.Gpu.Targets;

namespace Backtrace.Gpu.Perf.Quick;

/// <summary>Time and memory of one explanation, as multiples of what users know.</summary>
internal static class Cost
{
    private const int Steps = 50;

    public static void Measure(Summary summary, Case work, ContractionPrecision precision, double? bar, PerfOptions options)
    {
        using Backtracer backtracer = new(work.Model, options: new BacktracerOptions { Precision = precision, ContractionLibrary = options.Library });
        Rounds rounds = Rounds.Measure(options.Seconds, work.Gradient, () => work.Explain(backtracer), work.Forward);
        string kind = precision == ContractionPrecision.BFloat16 ? "bf16 " : "";
        summary.Add(new Bar(
            $"{work.Name} {kind}explanation / gradient x input", rounds.Ratio(1, 0), bar, false, "ratio",
            $"{rounds.Median(1):0.00} ms / {rounds.Median(0):0.00} ms, forward {rounds.Median(2):0.00} ms; ratio {rounds.Ratio(1, 0, 0.1):0.00} to {rounds.Ratio(1, 0, 0.9):0.00} in {rounds.Count} rounds"));
        if (precision == ContractionPrecision.Single)
            Memory(summary, work, backtracer);
    }

    public static void Contrastive(Summary summary, Case work, PerfOptions options, double? bar = 2.2)
    {
        BacktracerOptions plain = new() { ContractionLibrary = options.Library };
        using Backtracer backtracer = new(work.Model, options: plain), contrastive = new(work.Model, options: plain with { Mode = Mode.Contrastive });
        Rounds rounds = Rounds.Measure(options.Seconds, () => work.Explain(backtracer), () => work.Explain(contrastive));
        Compare(summary, $"{work.Name} contrastive / default", rounds, bar);
    }

    public static void IntegratedGradients(Summary summary, Case work, PerfOptions options)
    {
        using Backtracer backtracer = new(work.Model, options: new BacktracerOptions { ContractionLibrary = options.Library });
        IntegratedGradients integrated = new(work.Model, Steps);
        Rounds rounds = Rounds.Measure(
            options.Seconds,
            () =>
            {
                using TorchSharp.torch.Tensor relevance = integrated.Explain(work.Input);
            },
            () => work.Explain(backtracer));
        summary.Add(new Bar(
            $"{work.Name} Integrated Gradients ({Steps}) / explanation", rounds.Ratio(0, 1), 25, true, "ratio",
            $"{rounds.Median(0):0.00} ms / {rounds.Median(1):0.00} ms; ratio {rounds.Ratio(0, 1, 0.1):0.0} to {rounds.Ratio(0, 1, 0.9):0.0} in {rounds.Count} rounds"));
    }

    /// <summary>What it costs and saves to run blocks a second time instead of keeping their values.</summary>
    public static void Recomputed(Summary summary, Case work, PerfOptions options)
    {
        BacktracerOptions plain = new() { ContractionLibrary = options.Library };
        using Backtracer keeping = new(work.Model, options: plain), computing = new(work.Model, options: plain with { Recompute = ModelBlocks.Of(work.Model) });
        Rounds rounds = Rounds.Measure(options.Seconds, () => work.Explain(keeping), () => work.Explain(computing));
        Compare(summary, $"{work.Name} recomputed / kept", rounds, bar: null);
        using Explanation kept = keeping.Explain(work.Input, Target.Argmax()), computed = computing.Explain(work.Input, Target.Argmax());
        summary.Add(new Bar(
            $"{work.Name} peak memory, recomputed / kept", (double)computed.Facts.PeakBytes / kept.Facts.PeakBytes, null, false, "ratio",
            $"{computed.Facts.PeakBytes >> 20} MiB / {kept.Facts.PeakBytes >> 20} MiB"));
    }

    // The second action as a multiple of the first.
    private static void Compare(Summary summary, string name, Rounds rounds, double? bar) => summary.Add(new Bar(
        name, rounds.Ratio(1, 0), bar, false, "ratio",
        $"{rounds.Median(1):0.00} ms / {rounds.Median(0):0.00} ms; ratio {rounds.Ratio(1, 0, 0.1):0.00} to {rounds.Ratio(1, 0, 0.9):0.00} in {rounds.Count} rounds"));

    private static void Memory(Summary summary, Case work, Backtracer backtracer)
    {
        using Explanation explanation = backtracer.Explain(work.Input, Target.Argmax());
        using RelevanceGraph graph = backtracer.Record([work.Input]);
        double kept = graph.ActivationBytes;

        // The operator of a recurrent layer keeps states and gates that the recording does not see.
        double? bar = graph.Nodes.Any(n => n.Operation is RecurrentLayers) ? null : 3;
        summary.Add(new Bar(
            $"{work.Name} peak memory / activations", explanation.Facts.PeakBytes / kept, bar, false, "ratio",
            $"{explanation.Facts.PeakBytes / 1024.0:0} KiB / {kept / 1024:0} KiB"));
    }
}
