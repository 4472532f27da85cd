namespace Backtrace.Gpu.Baselines;

/// <summary>Options of <see cref="GradientShapExplainer"/>; defaults of SHAP's GradientExplainer.</summary>
public sealed record GradientShapOptions
{
    /// <summary>Number of gradients per sample. SHAP: nsamples=200. Captum: n_samples=5.</summary>
    public int Draws { get; init; } = 200;

    /// <summary>Seed of the draws.</summary>
    public long Seed { get; init; }

    /// <summary>Most points in one pass, of one sample or several.</summary>
    public int Batch { get; init; } = 64;
}
