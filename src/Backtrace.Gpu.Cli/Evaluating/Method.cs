using Backtrace.Gpu.Baselines;

namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>A line of <see cref="Methods"/>.</summary>
/// <param name="Key">How --methods calls it.</param>
/// <param name="Modality">What it explains.</param>
/// <param name="Create">Makes the explainer.</param>
/// <param name="Lacks">Why it cannot explain a model of that modality, or null; null: it can explain every one.</param>
internal sealed record Method(string Key, Modality Modality, Func<Bench, IExplainer> Create, Func<Bench, string?>? Lacks = null)
{
    /// <summary>Takes part only when it is asked for.</summary>
    internal bool IsExtra { get; init; }
}
