namespace Backtrace.Gpu.Baselines;

/// <summary>
/// Options of <see cref="SmoothGradExplainer"/>; defaults of the SmoothGrad paper, not of Captum's NoiseTunnel, whose noise does not know the input's range.
/// </summary>
public sealed record SmoothGradOptions
{
    /// <summary>What is computed.</summary>
    public SmoothGradKind Kind { get; init; } = SmoothGradKind.Plain;

    /// <summary>Number of gradients per sample. The paper: 50. Its authors' library: nsamples=25. Captum: nt_samples=5.</summary>
    public int Draws { get; init; } = 50;

    /// <summary>
    /// Standard deviation of the noise as a share of each sample's range, greatest entry less smallest. The paper: 0.1 to 0.2; 0.15 is the default of its authors'
    /// library saliency (stdev_spread=.15), which averages squares (magnitude=True): that is <see cref="SmoothGradKind.Squared"/>.
    /// </summary>
    public double Noise { get; init; } = 0.15;

    /// <summary>The standard deviation itself, in units of the input, instead of <see cref="Noise"/>. Captum: stdevs=1.0.</summary>
    public double? Deviation { get; init; }

    /// <summary>
    /// The mean gradient times the input, for the plain kind. In neither library by default; it gives attributions of tokens a sign, which a gradient alone does not.
    /// </summary>
    public bool TimesInput { get; init; }

    /// <summary>
    /// Of the plain kind, the absolute values of the mean gradient: a gradient's sign is a direction, not evidence, so it is not ranked by it. False keeps the sign,
    /// whose sum over a word vector is 0 in all models that normalise word vectors first. The other kinds have no sign; <see cref="TimesInput"/> keeps its own.
    /// Captum's NoiseTunnel averages what the method inside gives: around Saliency, that are absolute values, which do not cancel.
    /// </summary>
    public bool Absolute { get; init; } = true;

    /// <summary>Seed of the noise.</summary>
    public long Seed { get; init; }

    /// <summary>Most points in one pass, of one sample or several.</summary>
    public int Batch { get; init; } = 64;
}
