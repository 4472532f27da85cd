namespace Backtrace.Gpu.Baselines;

/// <summary>Options of <see cref="GradientExplainer"/>.</summary>
public sealed record GradientOptions
{
    /// <summary>
    /// Absolute values: how sensitive the score is, not in which direction. True is the default of Captum's Saliency (abs=True); false gives the signed gradient,
    /// whose sum over a word vector is 0 in all models that normalise word vectors first.
    /// </summary>
    public bool Absolute { get; init; } = true;

    /// <summary>Most samples in one pass.</summary>
    public int Batch { get; init; } = 64;
}
