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
    private readonly HeldConstant noise = new();
    private readonly HeldConstant shares = new();

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
        ObjectDisposedException.ThrowIf(noise.IsDisposed, this);
        using DisposeScope scope = NewDisposeScope();
        Tensor input = model.Points(samples.Input);
        long[] shape = [options.Draws, .. input.shape[1..]];
        Tensor draws = noise.For(input, shape, () => Draw(shape));
        Tensor share = shares.For(input, [options.Draws], () => full(options.Draws, 1.0 / options.Draws));
        Tensor? range = options.Deviation is null ? Range(input) : null;
        Tensor mean = GradientPasses.Sum(
            model, samples, options.Draws, options.Batch,
            pass => pass.Flat(range is null ? pass.Of(input) + pass.PointRows(draws) : pass.Of(input).addcmul(pass.PointRows(draws), pass.Of(range), 1)),
            differentiate: null,
            Reduction(share),
            cancellation);
        Tensor perPoint = options.Kind switch
        {
            SmoothGradKind.Squared => mean,
            SmoothGradKind.VarGrad => (mean.select(1, 1) - mean.select(1, 0).square()).clamp_(min: 0),
            _ when options.TimesInput => mean.mul_(input),
            _ => options.Absolute ? mean.abs_() : mean,
        };
        return model.Attributions(perPoint);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        noise.Dispose();
        shares.Dispose();
    }

    // Noise of each draw: for a given deviation as it is, else as a share of the range. The same in each call.
    private Tensor Draw(long[] shape)
    {
        using Generator generator = new((ulong)options.Seed);
        return randn(shape, dtype: float32, generator: generator).mul_(options.Deviation ?? options.Noise);
    }

    // Greatest entry less smallest, [N, 1, ...].
    private static Tensor Range(Tensor input)
    {
        Tensor rows = input.dim() == 2 ? input : input.flatten(1);
        (Tensor least, Tensor most) = rows.aminmax(1, keepdim: true);
        Tensor range = most.sub_(least);
        return input.dim() == 2 ? range : range.view([-1, .. Enumerable.Repeat(1L, (int)input.dim() - 1)]);
    }

    // What is summed over a sample's draws, each of which counts its share. A variance takes differences from the first gradient, so that no digits are lost where all are alike.
    private Func<GradientPass, Tensor, Tensor> Reduction(Tensor share)
    {
        switch (options.Kind)
        {
            case SmoothGradKind.Squared:
                return (pass, gradients) => pass.Weighted(share, gradients.square());
            case SmoothGradKind.VarGrad:
                Tensor? origin = null;
                return (pass, gradients) =>
                {
                    if (pass.FirstPoint == 0)
                        origin = gradients.narrow(1, 0, 1).clone().MoveToOuterDisposeScope();
                    Tensor differences = gradients - origin!;
                    return stack([pass.Weighted(share, differences), pass.Weighted(share, differences.square())], 1);
                };
            default:
                return (pass, gradients) => pass.Weighted(share, gradients);
        }
    }
}
