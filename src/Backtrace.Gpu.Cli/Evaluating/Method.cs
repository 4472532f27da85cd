using Backtrace.Gpu.Baselines;

namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>A line of <see cref="Methods"/>.</summary>
/// <param name="Key">How --methods calls it.</param>
/// <param name="Modality">What it explains.</param>
/// <param name="Create">Makes the explainer.</param>
/// <param name="Fits">Whether it can explain a model of that modality; null: every one.</param>
internal sealed record Method(string Key, Modality Modality, Func<Bench, IExplainer> Create, Func<Bench, bool>? Fits = null)
{
    /// <summary>Takes part only when it is asked for.</summary>
    internal bool IsExtra { get; init; }
}
