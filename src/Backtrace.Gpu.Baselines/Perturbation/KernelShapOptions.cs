namespace Backtrace.Gpu.Baselines;

/// <summary>Settings of <see cref="KernelShapExplainer"/>; defaults of shap's KernelExplainer but for <see cref="L1"/>.</summary>
public sealed record KernelShapOptions : ShapleyOptions
{
    /// <summary>Most coalitions per sample (shap: nsamples); null is shap's "auto", 2 M + 2048 for M features that vary. Never more than there are.</summary>
    public int? Samples
    {
        get;
        init
        {
            if (value is int samples)
                ArgumentOutOfRangeException.ThrowIfLessThan(samples, 1, nameof(Samples));
            field = value;
        }
    }

    /// <summary>
    /// Choice of features (shap: l1_reg). None by default, because comparisons rank all features; shap's own default has been "auto", in newer versions
    /// "num_features(10)".
    /// </summary>
    public L1 L1 { get; init; } = L1.None;

    /// <summary>How many features <see cref="L1.NumFeatures"/> keeps.</summary>
    public int NumFeatures
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1, nameof(NumFeatures));
            field = value;
        }
    } = 10;

    /// <summary>
    /// Added to the diagonal of the normal equations, whose weights sum to 1. Set it, say to 1e-6, where the drawn coalitions do not determine the values.
    /// Additivity is kept.
    /// </summary>
    public double Ridge { get; init; }

    /// <summary>Seed of the drawn coalitions; the same draws for every sample, so that one is explained alike whichever others are explained with it.</summary>
    public int Seed { get; init; } = 1;
}
