namespace Backtrace.Gpu.Baselines;

/// <summary>Settings of <see cref="FeatureAblationExplainer"/>.</summary>
public sealed record FeatureAblationOptions : CoalitionOptions
{
    /// <summary>Scores, one feature at a time.</summary>
    public FeatureAblationOptions() => Output = ModelOutput.Score;
}
