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
        using DisposeScope scope = NewDisposeScope();
        Tensor input = model.Points(samples.Input), baseline = BaselinePoints.Of(model, samples, options.Baseline);
        Tensor at = tensor(quadrature.At, input.dtype, input.device), weights = tensor(quadrature.Weights, input.dtype, input.device);
        Tensor integral = zeros_like(input);
        GradientPasses.Run(
            model, samples, options.Steps, options.Batch,
            pass => lerp(pass.Of(baseline), pass.Of(input), pass.Of(at, input.dim())),
            (pass, gradients) =>
            {
                Tensor weighted = weights.narrow(0, pass.FirstPoint, pass.Points).view(1, 1, -1).matmul(gradients.flatten(2)); // [samples, 1, entries]
                Tensor sum = pass.Of(integral);
                sum.add_(weighted.view(sum.shape));
            },
            cancellation);
        return model.ToEntries(integral.mul_(input - baseline)).to(float32).DetachFromDisposeScope();
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
    }
}
