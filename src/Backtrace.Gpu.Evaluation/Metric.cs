using Backtrace.Gpu.Baselines;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// A number that says how good attributions are. Stateless: the same call gives the same numbers. Where metrics name defaults of Quantus, three things are alike in
/// all: <see cref="Samples.Absent"/> stands in for what is taken away (Quantus: perturb_baseline = "black"), features take the place of entries, and attributions are
/// divided by their maximum (normalise = True) only where that matters.
/// </summary>
public abstract class Metric
{
    /// <summary>Short name for tables, such as "Pixel flipping AUC".</summary>
    public abstract string Name { get; }

    /// <summary>Which values are better.</summary>
    public abstract Better Better { get; }

    /// <summary>Measures attributions, sample by sample.</summary>
    /// <returns>One number per sample; NaN where the metric is not defined for it.</returns>
    public abstract IReadOnlyList<double> Measure(Measurement measurement, CancellationToken cancellation = default);
}

/// <summary>Which values of a metric are better.</summary>
public enum Better
{
    /// <summary>Larger ones.</summary>
    Higher,

    /// <summary>Smaller ones.</summary>
    Lower,

    /// <summary>None: the number describes.</summary>
    Neither,
}

/// <summary>What a metric looks at. Everything stays the caller's.</summary>
/// <param name="Model">The explained model.</param>
/// <param name="Samples">What was explained.</param>
/// <param name="Attributions">What the explainer said: shaped like the input, [N, ...].</param>
/// <param name="Explainer">The method, for metrics that ask it again.</param>
public sealed record Measurement(ExplainedModel Model, Samples Samples, Tensor Attributions, IExplainer Explainer);
