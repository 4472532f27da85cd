using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation.Experiments;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>The methods that are compared, each with its documented defaults. A new method is one line here.</summary>
internal static class Methods
{
    /// <summary>Takes part in every experiment: what the others must beat.</summary>
    internal const string Random = "random";

    private static readonly Method[] All =
    [
        new("backtrace", Modality.All, b => new BacktraceExplainer(b.Model)),
        new("backtrace-contrastive", Modality.All, b => new BacktraceExplainer(b.Model, new BacktracerOptions { Mode = Mode.Contrastive })),
        new("backtrace-difference", Modality.All, b => new BacktraceExplainer(b.Model, new BacktracerOptions { Mode = Mode.Contrastive }, Reading.Difference)),
        new("backtrace-faithful", Modality.All, b => BacktraceExplainer.Faithful(b.Model)),
        new("lrp-epsilon", Modality.All, b => Lrp.Epsilon(b.Model)),
        new("lrp-epsilon-plus", Modality.Picture, b => Lrp.EpsilonPlus(b.Model)),
        new("lrp-gamma", Modality.Picture, b => Lrp.Gamma(b.Model)),
        new("attn-lrp", Modality.Text, b => Lrp.AttnLrp(b.Model), HasAttention),
        new("gradient", Modality.All, b => new GradientExplainer(b.Model)),
        new("gradient-x-input", Modality.All, b => new GradientTimesInputExplainer(b.Model)),
        new("integrated-gradients", Modality.All, b => new IntegratedGradientsExplainer(b.Model)),
        new("integrated-gradients-absent", Modality.All, b => new IntegratedGradientsExplainer(b.Model, new IntegratedGradientsOptions { Baseline = Baseline.Absent })),
        new("smoothgrad", Modality.All, b => new SmoothGradExplainer(b.Model)),
        new("smoothgrad-x-input", Modality.Text, b => new SmoothGradExplainer(b.Model, new SmoothGradOptions { TimesInput = true })),
        new("guided-backprop", Modality.Table | Modality.Picture, b => new GuidedBackpropagationExplainer(b.Model)),
        new("deeplift", Modality.Table | Modality.Picture, b => new DeepLiftExplainer(b.Model)),
        new("grad-cam", Modality.Picture, b => new GradCamExplainer(b.Model)),
        new("grad-cam++", Modality.Picture, b => new GradCamPlusPlusExplainer(b.Model)),
        new("attention-rollout", Modality.Text, b => new AttentionRolloutExplainer(b.Model, ReadAt(b)), HasAttention),
        new("attention-gradient", Modality.Text, b => new AttentionGradientExplainer(b.Model, ReadAt(b)), HasAttention),
        new("token-tm", Modality.Text, b => new TokenTmExplainer(b.Model, ReadAt(b)), HasAttention),
        new("lime", Modality.All, Lime),
        new("kernel-shap", Modality.All, KernelShap),
        new(Random, Modality.All, b => new SeededByInput("Random", b.Request.Seed, seed => new RandomExplainer(seed))),
    ];

    /// <summary>The methods of an experiment: those that were asked for and the random one.</summary>
    /// <exception cref="UsageException">A key is unknown or of another modality.</exception>
    internal static IReadOnlyList<Method> Choose(IReadOnlyList<string> keys, Modality modality)
    {
        Method[] possible = [.. All.Where(method => method.Modality.HasFlag(modality))];
        string[] unknown = [.. keys.Except(possible.Select(method => method.Key))];
        if (unknown.Length > 0)
            throw new UsageException($"--methods: there is no {string.Join(", ", unknown)} here; known: {string.Join(", ", possible.Select(method => method.Key))}.");
        return keys.Count == 0 ? possible : [.. possible.Where(method => keys.Contains(method.Key) || method.Key == Random)];
    }

    /// <summary>The chosen methods that can explain a model.</summary>
    internal static IReadOnlyList<Contestant> For(Bench bench, IReadOnlyList<Method> methods) =>
    [
        .. methods.Where(method => method.Fits?.Invoke(bench) ?? true).Select(method =>
        {
            using IExplainer explainer = method.Create(bench);
            return new Contestant(explainer.Name, () => method.Create(bench));
        }),
    ];

    private static bool HasAttention(Bench bench) => bench.Package.Description.Architecture is BertArchitecture or LlamaArchitecture;

    // A classifier answers at its first token, a language model at its last.
    private static AttentionOptions ReadAt(Bench bench) => new() { Position = bench.Package.Module is LanguageModel ? -1 : 0 };

    private static LimeExplainer Lime(Bench bench)
    {
        LimeOptions options = new() { Samples = bench.Request.IsQuick ? 200 : null, Seed = bench.Request.Seed };
        return bench switch
        {
            TabularBench table => LimeExplainer.Tabular(bench.Model, table.Training, options),
            ImageBench => LimeExplainer.Image(bench.Model, options),
            _ => LimeExplainer.Text(bench.Model, options),
        };
    }

    // Superpixels for pictures, as LIME has them; the regression of shap's default number of coalitions is not determined by single pixels.
    private static KernelShapExplainer KernelShap(Bench bench) => new(bench.Model, new KernelShapOptions
    {
        Samples = bench.Request.IsQuick ? 256 : null,
        Superpixels = bench is ImageBench ? new SlicSuperpixels().Of : null,
        Seed = bench.Request.Seed,
    });
}
