using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// Integrated Gradients (Sundararajan et al., arXiv 1703.01365): input less baseline, times the mean gradient on the straight way between them. The attributions
/// of a sample add up to the difference of the scores at both ends, as exactly as the steps are fine. Defaults are those of Captum's IntegratedGradients:
/// 50 steps, Gauss-Legendre, baseline of zeros. Token models: the way is one of word vectors.
/// </summary>
public sealed class IntegratedGradientsExplainer : IExplainer
{
    private readonly ExplainedModel model;
    private readonly IntegratedGradientsOptions options;
    private readonly Quadrature quadrature;
    private readonly HeldConstant places = new();
    private readonly HeldConstant weights = new();

    /// <param name="model">The model.</param>
    /// <param name="options">Steps, method, baseline; defaults of Captum when null.</param>
    /// <exception cref="ArgumentException">Too few steps, or a batch without samples.</exception>
    public IntegratedGradientsExplainer(ExplainedModel model, IntegratedGradientsOptions? options = null)
    {
        this.model = model;
        this.options = options ??= new IntegratedGradientsOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Batch, 1);
        quadrature = Quadrature.Of(options.Method, options.Steps);
    }

    /// <inheritdoc/>
    public string Name => options.Baseline == Baseline.Zero ? $"Integrated Gradients ({options.Steps})" : $"Integrated Gradients ({options.Steps}, absent)";

    /// <inheritdoc/>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default)
    {
        ObjectDisposedException.ThrowIf(places.IsDisposed, this);
        using DisposeScope scope = NewDisposeScope();
        Tensor input = model.Points(samples.Input);
        Tensor? baseline = options.Baseline == Baseline.Zero ? null : BaselinePoints.Of(model, samples, options.Baseline); // zeros are not worth a tensor
        Tensor at = places.For(input, [options.Steps, .. Enumerable.Repeat(1L, (int)input.dim() - 1)], () => tensor(quadrature.At));
        Tensor shares = weights.For(input, [options.Steps], () => tensor(quadrature.Weights));
        Tensor integral = GradientPasses.Sum(
            model, samples, options.Steps, options.Batch,
            pass => pass.Flat(baseline is null ? pass.Of(input) * pass.PointRows(at) : lerp(pass.Of(baseline), pass.Of(input), pass.PointRows(at))),
            differentiate: null,
            (pass, gradients) => pass.Weighted(shares, gradients),
            cancellation);
        return model.Attributions(integral.mul_(baseline is null ? input : input - baseline));
    }

    /// <summary>
    /// How far attributions are from adding up: their sum less the difference of the scores at input and baseline. What Captum calls convergence delta.
    /// </summary>
    /// <param name="samples">What was explained.</param>
    /// <param name="attributions">What <see cref="Explain"/> said, [N, ...].</param>
    /// <returns>[N]. The caller's.</returns>
    public Tensor ConvergenceDelta(Samples samples, Tensor attributions)
    {
        using Tensor baseline = BaselinePoints.Of(model, samples, options.Baseline);
        return BaselinePoints.Delta(model, samples, baseline, attributions).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        places.Dispose();
        weights.Dispose();
    }
}
