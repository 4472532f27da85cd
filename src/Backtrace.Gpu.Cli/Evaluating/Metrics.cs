using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation;
using Backtrace.Gpu.Evaluation.Experiments;
using Backtrace.Gpu.Kernels;
using TorchSharp.Modules;

namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>What is measured, with the budgets of a full and of a quick run. A new metric is one line here.</summary>
internal static class Metrics
{
    private static readonly Entry[] All =
    [
        new("deletion", Modality.All, bench => CurveGauge.Create(Steps(bench), flipsPixels: bench is ImageBench)),
        new("abpc", Modality.Picture, bench => Gauge.Of(new Abpc { Curve = new CurveOptions { Output = ModelOutput.Score, Steps = Steps(bench) } })),
        new("faithfulness-correlation", Modality.Picture | Modality.Table, bench => Gauge.Of(new FaithfulnessCorrelation { Runs = bench.Request.IsQuick ? 50 : 100, Seed = bench.Request.Seed })),
        new("max-sensitivity", Modality.Picture, bench => Gauge.Of(new MaxSensitivity { Draws = bench.Request.IsQuick ? 2 : 10, Seed = bench.Request.Seed })),
        new("mprt", Modality.Table, bench => MprtGauge.Create(Layers(bench), bench.Request.Seed)),
        new("complexity", Modality.Table, _ => Gauge.Of(new Complexity())),
        new("sparseness", Modality.Table, _ => Gauge.Of(new Sparseness())),
        new("comprehensiveness", Modality.All, _ => Gauge.Of(new Comprehensiveness())) { IsExtra = true },
        new("sufficiency", Modality.All, _ => Gauge.Of(new Sufficiency())) { IsExtra = true },
        new("faithfulness-estimate", Modality.Table | Modality.Text, _ => Gauge.Of(new FaithfulnessEstimate())) { IsExtra = true },
        new("monotonicity", Modality.Table | Modality.Text, _ => Gauge.Of(new Monotonicity())) { IsExtra = true },
        new("monotonicity-correlation", Modality.Table | Modality.Text, _ => Gauge.Of(new MonotonicityCorrelation())) { IsExtra = true },
        new("infidelity", Modality.Picture | Modality.Table, _ => Gauge.Of(new Infidelity { Normalise = true })) { IsExtra = true },
        new("region-perturbation", Modality.Picture, bench => Gauge.Of(new RegionPerturbation { Seed = bench.Request.Seed })) { IsExtra = true },
        new("road", Modality.Picture, bench => Gauge.Of(new Road { Seed = bench.Request.Seed })) { IsExtra = true },
        new("avg-sensitivity", Modality.Picture | Modality.Table, bench => Gauge.Of(new AvgSensitivity { Draws = bench.Request.IsQuick ? 2 : 10, Seed = bench.Request.Seed })) { IsExtra = true },
        new("lipschitz", Modality.Picture | Modality.Table, bench => Gauge.Of(new LocalLipschitz { Draws = bench.Request.IsQuick ? 2 : 10, Seed = bench.Request.Seed })) { IsExtra = true },
        new("efficient-mprt", Modality.All, bench => Gauge.Of(new EfficientMprt { Randomisation = new RandomisationOptions { Absolute = false, Seed = bench.Request.Seed } }, hasChance: false)) { IsExtra = true },
    ];

    /// <summary>Keys of the metrics of an experiment; those of <paramref name="extra"/> are only measured when they are asked for.</summary>
    internal static IEnumerable<string> Keys(Modality modality, bool extra) => All.Where(metric => metric.Modality.HasFlag(modality) && metric.IsExtra == extra).Select(metric => metric.Key);

    /// <exception cref="UsageException">A key is unknown or of another modality.</exception>
    internal static void Check(IReadOnlyList<string> keys, Modality modality) =>
        KnownNames.Check("--metrics", keys, [.. Keys(modality, extra: false), .. Keys(modality, extra: true)]);

    /// <summary>What a reader should know of how they are measured. A sentence each.</summary>
    internal static IEnumerable<string> Notes(Bench bench, IReadOnlyList<Gauge> gauges)
    {
        int steps = Steps(bench), most = bench.Subjects.Max(subject => subject.Samples.Features.Count);
        if (bench is not ImageBench && most > steps && gauges.Any(gauge => gauge.Curves.Contains(CurveGauge.Morf)))
            yield return $"Deletion takes features away in {steps} steps of about equal size where an input has more of them, as up to {Counted.Of(most, "feature")} here.";
    }

    /// <summary>The metrics of an experiment that were asked for.</summary>
    internal static IReadOnlyList<Gauge> For(Bench bench, Modality modality)
    {
        IReadOnlyList<string> keys = bench.Request.Metrics;
        return [.. All.Where(metric => metric.Modality.HasFlag(modality) && (keys.Count == 0 ? !metric.IsExtra : keys.Contains(metric.Key))).Select(metric => metric.Create(bench))];
    }

    // Most steps of a curve. Thousands of columns or tokens would take hours one by one; the shipped texts have up to 72 tokens.
    private static int Steps(Bench bench) => (bench is ImageBench, bench.Request.IsQuick) switch
    {
        (true, true) => 16,
        (true, false) => 32,
        (false, true) => 75,
        (false, false) => 100,
    };

    private static IReadOnlyList<string> Layers(Bench bench) =>
        [.. bench.Package.Module.named_modules().Where(part => part.module is Linear).Select(part => part.name)];

    private sealed record Entry(string Key, Modality Modality, Func<Bench, Gauge> Create)
    {
        internal bool IsExtra { get; init; }
    }
}
