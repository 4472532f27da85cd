using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// Expected gradients (Erion et al., arXiv 1906.10670), which SHAP's GradientExplainer and Captum's GradientShap compute: the mean of input less baseline, times the
/// gradient at a random place between them, over baselines drawn from a background set. No noise is added to the input, as in both by default (local_smoothing=0,
/// stdevs=0.0). Token models: between word vectors. All samples get the same draws, so that a sample is explained alike whichever others are explained with it.
/// </summary>
public sealed class GradientShapExplainer : IExplainer
{
    private readonly ExplainedModel model;
    private readonly Tensor? background;
    private readonly GradientShapOptions options;

    /// <param name="model">The model.</param>
    /// <param name="background">Inputs that stand for the usual one, [B, ...]. Copied. When null, each sample with all of its features taken away.</param>
    /// <param name="options">Draws; defaults of SHAP when null.</param>
    /// <exception cref="ArgumentException">The background is empty, there is no draw, or a batch without samples.</exception>
    public GradientShapExplainer(ExplainedModel model, Tensor? background = null, GradientShapOptions? options = null)
    {
        this.model = model;
        this.options = options ??= new GradientShapOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Draws, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Batch, 1);
        this.background = background is null ? null : BaselinePoints.Background(background);
    }

    /// <inheritdoc/>
    public string Name => $"GradientSHAP ({options.Draws})";

    /// <inheritdoc/>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default)
    {
        ObjectDisposedException.ThrowIf(background is { IsInvalid: true }, this);
        if (background is not null)
            BaselinePoints.CheckShape(Name, background, samples);
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new((ulong)options.Seed);
        Tensor points = model.Points(samples.Input);
        Tensor places = rand([options.Draws, .. Enumerable.Repeat(1L, (int)points.dim() - 1)], dtype: float32, generator: generator).to(points.dtype).to(points.device);
        Tensor baselines = background is null ? BaselinePoints.Of(model, samples, Baseline.Absent) : Draw(model.Points(background), generator);
        Tensor Drawn(GradientPass pass) => background is null ? pass.Of(baselines) : pass.PointRows(baselines);
        Tensor sum = GradientPasses.Sum(
            model, samples, options.Draws, options.Batch,
            pass => pass.Flat(lerp(Drawn(pass), pass.Of(points), pass.PointRows(places))),
            differentiate: null,
            (pass, gradients) => (gradients * (pass.Of(points) - Drawn(pass))).sum(1),
            cancellation);
        return model.Attributions(sum.div_(options.Draws));
    }

    /// <inheritdoc/>
    public void Dispose() => background?.Dispose();

    // One baseline for each draw, [draws, ...].
    private Tensor Draw(Tensor baselines, Generator generator)
    {
        Tensor chosen = randint(0, baselines.shape[0], [options.Draws], dtype: int64, generator: generator).to(baselines.device);
        return baselines.index_select(0, chosen);
    }
}
