using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// SmoothGrad (Smilkov et al., arXiv 1706.03825) and its kin: mean, mean square or variance of the signed gradients at inputs with normal noise. Number of draws
/// and noise are the paper's, see <see cref="SmoothGradOptions"/>. Token models: the noise goes on word vectors, and what is computed of each of their entries
/// is summed over the vector of each token. Of the plain mean, absolute values are taken by default.
/// All samples get the same draws, so that a sample is explained alike whichever others are explained with it.
/// </summary>
public sealed class SmoothGradExplainer : IExplainer
{
    private readonly ExplainedModel model;
    private readonly SmoothGradOptions options;

    /// <param name="model">The model.</param>
    /// <param name="options">Kind, draws, noise; defaults of the paper when null.</param>
    /// <exception cref="ArgumentException">No draw, negative noise, a batch without samples, or <see cref="SmoothGradOptions.TimesInput"/> with another kind than the plain one.</exception>
    public SmoothGradExplainer(ExplainedModel model, SmoothGradOptions? options = null)
    {
        this.model = model;
        this.options = options ??= new SmoothGradOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Draws, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Batch, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(options.Deviation ?? options.Noise);
        if (options.TimesInput && options.Kind != SmoothGradKind.Plain)
            throw new ArgumentException($"{options.Kind} has no sign that an input could be multiplied with: set SmoothGradKind.Plain or leave TimesInput.", nameof(options));
    }

    /// <inheritdoc/>
    public string Name => options.Kind switch
    {
        SmoothGradKind.Squared => $"SmoothGrad squared ({options.Draws})",
        SmoothGradKind.VarGrad => $"VarGrad ({options.Draws})",
        _ when options.TimesInput => $"SmoothGrad x Input ({options.Draws})",
        _ => options.Absolute ? $"SmoothGrad ({options.Draws})" : $"SmoothGrad signed ({options.Draws})",
    };

    /// <inheritdoc/>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default)
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new((ulong)options.Seed);
        Tensor input = model.Points(samples.Input), deviation = Deviation(input);
        Tensor noise = randn([options.Draws, .. input.shape[1..]], dtype: float32, generator: generator).to(input.dtype).to(input.device);
        Tensor mean = zeros_like(input), square = zeros_like(input), origin = zeros_like(input);
        GradientPasses.Run(
            model, samples, options.Draws, options.Batch,
            pass => pass.Of(input).addcmul(pass.OfPoints(noise), pass.Of(deviation), 1),
            (pass, gradients) => Collect(pass, gradients, mean, square, origin),
            cancellation);
        Tensor perPoint = options.Kind switch
        {
            SmoothGradKind.Squared => square.div_(options.Draws),
            SmoothGradKind.VarGrad => square.div_(options.Draws).sub_(mean.div_(options.Draws).pow_(2)).clamp_(min: 0),
            _ when options.TimesInput => mean.div_(options.Draws).mul_(input),
            _ => options.Absolute ? mean.div_(options.Draws).abs_() : mean.div_(options.Draws),
        };
        return model.ToEntries(perPoint).to(float32).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private Tensor Deviation(Tensor input)
    {
        Tensor flat = input.flatten(1);
        Tensor deviation = options.Deviation is { } given ? full_like(flat.amax([1]), given) : (flat.amax([1]) - flat.amin([1])).mul_(options.Noise);
        return deviation.view([-1, .. Enumerable.Repeat(1L, (int)input.dim() - 1)]);
    }

    // A variance is computed of differences from the first gradient: no digits are lost where all are alike.
    private void Collect(GradientPass pass, Tensor gradients, Tensor mean, Tensor square, Tensor origin)
    {
        if (options.Kind == SmoothGradKind.VarGrad)
        {
            if (pass.FirstPoint == 0)
                pass.Of(origin).copy_(gradients.narrow(1, 0, 1));
            gradients = gradients - pass.Of(origin);
        }

        if (options.Kind != SmoothGradKind.Squared)
            pass.Of(mean).add_(gradients.sum(1, keepdim: true));
        if (options.Kind != SmoothGradKind.Plain)
            pass.Of(square).add_(gradients.square().sum(1, keepdim: true));
    }
}
