namespace Backtrace.Gpu.Baselines;

/// <summary>Settings of <see cref="OcclusionExplainer"/>. Captum has no default window; these are the window and strides of its tutorial for images.</summary>
public sealed record OcclusionOptions : PerturbationOptions
{
    /// <summary>Scores, windows of 15 x 15, 8 pixels apart.</summary>
    public OcclusionOptions() => Output = ModelOutput.Score;

    /// <summary>Size of the window along the last dimensions of a sample; along those before them it takes all. [15, 15] on [C, H, W] hides all channels.</summary>
    public IReadOnlyList<long> Window { get; init; } = [15, 15];

    /// <summary>Steps of the window along the same dimensions, no longer than the window.</summary>
    public IReadOnlyList<long> Strides { get; init; } = [8, 8];
}
