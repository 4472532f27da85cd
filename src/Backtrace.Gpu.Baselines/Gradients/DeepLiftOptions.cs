namespace Backtrace.Gpu.Baselines;

/// <summary>Options of <see cref="DeepLiftExplainer"/>.</summary>
public sealed record DeepLiftOptions
{
    /// <summary>What the input is compared with. Captum's DeepLift: zeros.</summary>
    public Baseline Baseline { get; init; } = Baseline.Zero;

    /// <summary>Most samples in one pass.</summary>
    public int Batch { get; init; } = 64;
}
