using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// DeepSHAP (Lundberg and Lee, arXiv 1705.07874): the mean of DeepLIFT's attributions over baselines from a background set, all of them for each sample, as in
/// SHAP's DeepExplainer and Captum's DeepLiftShap. For what follows the rescale rule see <see cref="DeepLiftExplainer"/>.
/// </summary>
public sealed class DeepShapExplainer : IExplainer
{
    private readonly ExplainedModel model;
    private readonly Tensor background;
    private readonly int batch;
    private readonly Rescaling rescaling;

    /// <param name="model">The model.</param>
    /// <param name="background">Inputs that stand for the usual one, [B, ...]. Copied.</param>
    /// <param name="batch">Most pairs of a sample and a baseline in one pass.</param>
    /// <exception cref="ArgumentException">The background is empty, or the batch has no pair.</exception>
    public DeepShapExplainer(ExplainedModel model, Tensor background, int batch = 64)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        this.model = model;
        this.batch = batch;
        this.background = BaselinePoints.Background(background);
        rescaling = new Rescaling(Name, model);
    }

    /// <inheritdoc/>
    public string Name => $"DeepSHAP ({background.shape[0]})";

    /// <inheritdoc/>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default)
    {
        ObjectDisposedException.ThrowIf(background.IsInvalid, this);
        BaselinePoints.CheckShape(Name, background, samples);
        using DisposeScope scope = NewDisposeScope();
        Tensor points = model.Points(samples.Input), baselines = model.Points(background);
        long[] tail = points.shape[1..];
        Tensor Pairs(Tensor some, GradientPass pass) => some.expand([pass.Samples, pass.Points, .. tail]);
        Tensor sum = GradientPasses.Sum(
            model, samples, (int)background.shape[0], batch,
            pass => Pairs(pass.Of(points), pass).flatten(0, 1),
            (pass, at, input, targets) => rescaling.Multipliers(at, Pairs(pass.PointRows(baselines), pass).flatten(0, 1), input, targets),
            (pass, multipliers) => (multipliers * (pass.Of(points) - pass.PointRows(baselines))).sum(1),
            cancellation);
        return model.Attributions(sum.div_(background.shape[0]));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        background.Dispose();
        rescaling.Dispose();
    }
}
