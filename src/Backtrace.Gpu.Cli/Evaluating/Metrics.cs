using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation;
using Backtrace.Gpu.Evaluation.Experiments;
using TorchSharp.Modules;

namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>What is measured, with the budgets of a full and of a quick run. A new metric is one line here.</summary>
internal static class Metrics
{
    private static readonly Entry[] All =
    [
        new("deletion", Modality.All, bench => CurveGauge.Create(bench is ImageBench ? (bench.Request.IsQuick ? 16 : 32) : null)),
        new("abpc", Modality.Picture, bench => Gauge.Of(new Abpc { Curve = new CurveOptions { Output = ModelOutput.Score, Steps = bench.Request.IsQuick ? 16 : 32 } })),
        new("faithfulness-correlation", Modality.Picture | Modality.Table, bench => Gauge.Of(new FaithfulnessCorrelation { Runs = bench.Request.IsQuick ? 50 : 100, Seed = bench.Request.Seed })),
        new("max-sensitivity", Modality.Picture, bench => Gauge.Of(new MaxSensitivity { Draws = bench.Request.IsQuick ? 2 : 10, Seed = bench.Request.Seed })),
        new("mprt", Modality.Table, bench => MprtGauge.Create(Layers(bench))),
        new("complexity", Modality.Table, _ => Gauge.Of(new Complexity())),
        new("sparseness", Modality.Table, _ => Gauge.Of(new Sparseness())),
    ];

    /// <summary>Keys of the metrics of an experiment.</summary>
    internal static IEnumerable<string> Keys(Modality modality) => All.Where(metric => metric.Modality.HasFlag(modality)).Select(metric => metric.Key);

    /// <summary>The metrics of an experiment that were asked for.</summary>
    /// <exception cref="UsageException">A key is unknown or of another modality.</exception>
    internal static IReadOnlyList<Gauge> For(Bench bench, Modality modality)
    {
        IReadOnlyList<string> keys = bench.Request.Metrics;
        string[] unknown = [.. keys.Except(Keys(modality))];
        if (unknown.Length > 0)
            throw new UsageException($"--metrics: there is no {string.Join(", ", unknown)} here; known: {string.Join(", ", Keys(modality))}.");
        return [.. All.Where(metric => metric.Modality.HasFlag(modality) && (keys.Count == 0 || keys.Contains(metric.Key))).Select(metric => metric.Create(bench))];
    }

    private static IReadOnlyList<string> Layers(Bench bench) =>
        [.. bench.Package.Module.named_modules().Where(part => part.module is Linear).Select(part => part.name)];

    private sealed record Entry(string Key, Modality Modality, Func<Bench, Gauge> Create);
}
