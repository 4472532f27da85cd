using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Kernels.Rules.Lrp;
using Backtrace.Gpu.Targets;
using TorchSharp;
using static TorchSharp.torch;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// One map of a picture from the relevance of all its feature maps, by <see cref="RuleSet.Faithful"/> in one pass: at each layer through which all relevance passes, the
/// relevance of a place is the sum of its channels, scaled up to the picture by bilinear interpolation and divided by its total. The maps of one
/// resolution are averaged, those of all resolutions added, and the sum is blurred. It ranks pixels better than relevance at the pixels themselves, which is fine-grained where
/// networks are noisy (docs/evaluation.md), but says nothing below the scale of the blur and adds up to nothing of the model. A pixel's number is parted evenly among its channels.
/// </summary>
public sealed class RelevanceMapExplainer : IExplainer
{
    /// <summary>Width of the blur as a share of the picture's shorter side: two pixels of CIFAR's 32.</summary>
    public const double BlurShare = 1.0 / 16;

    /// <summary>Weight of the detail, where a map with detail has it; that of a map without is 1.</summary>
    public const double DetailShare = 0.5;

    /// <summary>γ of convolutions where the map has detail: smaller than that of <see cref="RuleSet.Faithful"/>, so that pixels keep their sign.</summary>
    public const float DetailGamma = 0.1f;

    private readonly ExplainedModel model;
    private readonly Device? device;
    private readonly bool hasDetail;
    private Backtracer? backtracer;
    private List<(string Layer, long Height, long Width)> maps = [];

    /// <param name="model">A model of pictures, [N, C, H, W].</param>
    /// <param name="device">As for <see cref="BacktraceExplainer"/>.</param>
    public RelevanceMapExplainer(ExplainedModel model, Device? device = null)
        : this(model, device, hasDetail: false)
    {
    }

    private RelevanceMapExplainer(ExplainedModel model, Device? device, bool hasDetail)
    {
        this.model = model;
        this.device = device;
        this.hasDetail = hasDetail;
    }

    /// <summary>
    /// The map, and upon it what speaks for the target in the difference of each pixel from <see cref="Samples.Absent"/>, as a share of all that does: relevance as in
    /// <see cref="BacktraceExplainer.Faithful"/> from that baseline, its channels summed. Everything comes from one pass, with <see cref="DetailGamma"/> in convolutions. It finds the pixels that matter most better than the map alone, and is less smooth.
    /// </summary>
    /// <param name="model">A model of pictures, [N, C, H, W].</param>
    /// <param name="device">As for <see cref="BacktraceExplainer"/>.</param>
    public static RelevanceMapExplainer WithDetail(ExplainedModel model, Device? device = null) => new(model, device, hasDetail: true);

    /// <inheritdoc/>
    public string Name => hasDetail ? "Backtrace (maps with detail)" : "Backtrace (faithful, maps)";

    /// <inheritdoc/>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default)
    {
        PictureMap.EnsurePictures(Name, samples.Input);
        backtracer ??= Prepare(samples.Input);
        using DisposeScope scope = NewDisposeScope();
        Tensor input = hasDetail ? Changes.WithoutZeros(samples.Input) : samples.Input;
        using Explanation explanation = backtracer.Explain(input, Target.Class(samples.Classes()) with { Scaler = null }, cancellation);
        long height = samples.Input.shape[2], width = samples.Input.shape[3];
        Tensor map = zeros(samples.Count, 1, height, width);
        foreach (var resolution in maps.GroupBy(m => (m.Height, m.Width)))
        {
            Tensor sum = zeros_like(map);
            foreach (var (layer, _, _) in resolution)
                sum += InShares(PictureMap.ScaleUp(explanation[layer].sum(1, keepdim: true), samples.Input));
            map += InShares(sum);
        }

        map = GaussianBlur.Of(map, BlurShare * Math.Min(height, width));
        if (hasDetail)
        {
            Tensor worth = Changes.Worth(explanation.Input, input, samples.Input - BaselinePoints.Of(model, samples, Baseline.Absent));
            map = InShares(map) + InShares(worth.sum(1, keepdim: true).clamp_min(0)) * DetailShare;
        }

        return PictureMap.PartAmongChannels(map, samples.Input).to(samples.Input.device).MoveToOuterDisposeScope().DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => backtracer?.Dispose();

    private static Tensor InShares(Tensor map) => map / map.abs().sum([1, 2, 3], keepdim: true).clamp_min(float.Epsilon);

    private Backtracer Prepare(Tensor input)
    {
        BacktracerOptions options = new() { Rules = hasDetail ? Detailed() : RuleSet.Faithful };
        IReadOnlyList<Tensor> Forward(IReadOnlyList<Tensor> inputs) => [model.Scores(inputs[0])];
        using (Backtracer probe = new(model.Module, Forward, device, options))
        using (Tensor one = input.narrow(0, 0, 1).contiguous())
        using (RelevanceGraph graph = probe.Record([one]))
            maps = FeatureMaps.Of(graph);
        if (maps.Count == 0)
            throw new ExplainerException($"{Name}: the model has no feature map, [N, channels, height, width], that all relevance passes through. Use another method.");
        return new Backtracer(model.Module, Forward, device, options with { Layers = [.. maps.Select(m => m.Layer)] });
    }

    private static RuleSet Detailed() => RuleSet.Faithful
        .With(new LrpConvolutionRule(LrpFormula.Gamma(DetailGamma)))
        .With(new LrpTransposedConvolutionRule(LrpFormula.Gamma(DetailGamma)));
}
