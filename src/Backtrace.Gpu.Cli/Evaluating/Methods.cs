using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation.Experiments;
using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>The methods that are compared, each with its documented defaults. A new method is one line here.</summary>
internal static class Methods
{
    /// <summary>Takes part in every experiment: what the others must beat.</summary>
    internal const string Random = "random";

    private const string Shap = "kernel-shap";

    private const int BackgroundRows = 100, QuickCoalitions = 256;

    // A regression of so many unknowns takes seconds, and MPRT asks for it once for each layer.
    private const int ShapFeatures = 5000, QuickShapFeatures = 1000;

    private static readonly Method[] All =
    [
        new("backtrace", Modality.All, b => new BacktraceExplainer(b.Model)),
        new("backtrace-contrastive", Modality.All, b => new BacktraceExplainer(b.Model, new BacktracerOptions { Mode = Mode.Contrastive })),
        new("backtrace-difference", Modality.All, b => new BacktraceExplainer(b.Model, new BacktracerOptions { Mode = Mode.Contrastive }, Reading.Difference)),
        new("backtrace-faithful", Modality.All, b => BacktraceExplainer.Faithful(b.Model)),
        new("backtrace-faithful-absent", Modality.Table, b => BacktraceExplainer.Faithful(b.Model, baseline: Baseline.Absent)),
        new("backtrace-maps", Modality.Picture, b => new RelevanceMapExplainer(b.Model)),
        new("backtrace-maps-detail", Modality.Picture, b => RelevanceMapExplainer.WithDetail(b.Model)),
        new("backtrace-coalitions", Modality.Table | Modality.Picture, Coalitions),
        new("lrp-epsilon", Modality.All, b => Lrp.Epsilon(b.Model)),
        new("lrp-epsilon-plus", Modality.Picture, b => Lrp.EpsilonPlus(b.Model)),
        new("lrp-gamma", Modality.Picture, b => Lrp.Gamma(b.Model)),
        new("attn-lrp", Modality.Text, b => Lrp.AttnLrp(b.Model), LacksAttention),
        new("gradient", Modality.All, b => new GradientExplainer(b.Model)),
        new("gradient-x-input", Modality.All, b => new GradientTimesInputExplainer(b.Model)),
        new("integrated-gradients", Modality.All, b => new IntegratedGradientsExplainer(b.Model)),
        new("integrated-gradients-absent", Modality.All, b => new IntegratedGradientsExplainer(b.Model, new IntegratedGradientsOptions { Baseline = Baseline.Absent })),
        new("smoothgrad", Modality.All, b => new SmoothGradExplainer(b.Model, new SmoothGradOptions { Seed = b.Request.Seed })),
        new("smoothgrad-x-input", Modality.Text, b => new SmoothGradExplainer(b.Model, new SmoothGradOptions { TimesInput = true, Seed = b.Request.Seed })),
        new("guided-backprop", Modality.Table | Modality.Picture, b => new GuidedBackpropagationExplainer(b.Model)),
        new("guided-backprop-absolute", Modality.Table | Modality.Picture, b => new GuidedBackpropagationExplainer(b.Model, absolute: true)),
        new("deeplift", Modality.Table | Modality.Picture, b => new DeepLiftExplainer(b.Model)),
        new("deeplift-absent", Modality.Table | Modality.Picture, b => new DeepLiftExplainer(b.Model, new DeepLiftOptions { Baseline = Baseline.Absent })),
        new("grad-cam", Modality.Picture, b => new GradCamExplainer(b.Model, LastBlock(b)), LacksConvolutions),
        new("grad-cam++", Modality.Picture, b => new GradCamPlusPlusExplainer(b.Model, LastBlock(b)), LacksConvolutions),
        new("attention-rollout", Modality.Text, b => new AttentionRolloutExplainer(b.Model, ReadAt(b)), LacksAttention),
        new("attention-gradient", Modality.Text, b => new AttentionGradientExplainer(b.Model, ReadAt(b)), LacksAttention),
        new("token-tm", Modality.Text, b => new TokenTmExplainer(b.Model, ReadAt(b)), LacksAttention),
        new("lime", Modality.All, Lime),
        new(Shap, Modality.All, KernelShap),
        new("lrp-alpha-beta", Modality.All, b => Lrp.AlphaBeta(b.Model)) { IsExtra = true },
        new("smoothgrad-signed", Modality.All, b => new SmoothGradExplainer(b.Model, new SmoothGradOptions { Absolute = false, Seed = b.Request.Seed })) { IsExtra = true },
        new("smoothgrad-squared", Modality.All, b => new SmoothGradExplainer(b.Model, new SmoothGradOptions { Kind = SmoothGradKind.Squared, Seed = b.Request.Seed })) { IsExtra = true },
        new("vargrad", Modality.All, b => new SmoothGradExplainer(b.Model, new SmoothGradOptions { Kind = SmoothGradKind.VarGrad, Seed = b.Request.Seed })) { IsExtra = true },
        new("gradient-shap", Modality.Table, b => new GradientShapExplainer(b.Model, Background(b), new GradientShapOptions { Seed = b.Request.Seed })) { IsExtra = true },
        new("deep-shap", Modality.Table, b => new DeepShapExplainer(b.Model, Background(b))) { IsExtra = true },
        new("permutation-shap", Modality.Table | Modality.Text, b => new PermutationShapleyExplainer(b.Model, new PermutationShapleyOptions { Seed = b.Request.Seed })) { IsExtra = true },
        new("ablation", Modality.Table | Modality.Text, b => new FeatureAblationExplainer(b.Model)) { IsExtra = true },
        new("occlusion", Modality.Picture, b => new OcclusionExplainer(b.Model, new OcclusionOptions { Window = [8, 8], Strides = [4, 4] })) { IsExtra = true },
        new(Random, Modality.All, b => new RandomExplainer(b.Request.Seed)),
    ];

    /// <summary>The methods of an experiment: those that were asked for, or all but extra ones, and the random one.</summary>
    /// <exception cref="UsageException">A key is unknown or of another modality.</exception>
    internal static IReadOnlyList<Method> Choose(IReadOnlyList<string> keys, Modality modality)
    {
        Method[] possible = [.. All.Where(method => method.Modality.HasFlag(modality))];
        KnownNames.Check("--methods", keys, [.. possible.Select(method => method.Key)]);
        return keys.Count == 0 ? [.. possible.Where(method => !method.IsExtra)] : [.. possible.Where(method => keys.Contains(method.Key) || method.Key == Random)];
    }

    /// <summary>The chosen methods that can explain a model.</summary>
    internal static IReadOnlyList<Contestant> For(Bench bench, IReadOnlyList<Method> methods) =>
    [
        .. methods.Where(method => method.Lacks?.Invoke(bench) is null && !IsTooSlow(method, bench)).Select(method =>
        {
            using IExplainer explainer = method.Create(bench);
            return new Contestant(explainer.Name, () => method.Create(bench), MayDropOut: bench.Request.Methods.Count == 0);
        }),
    ];

    /// <summary>Methods that were asked for and cannot explain a model, or would take too long and were not asked for, and why.</summary>
    internal static IEnumerable<KeyValuePair<string, string>> Unfit(Bench bench, IReadOnlyList<Method> methods) =>
        (from method in methods
         where bench.Request.Methods.Contains(method.Key)
         let lack = method.Lacks?.Invoke(bench)
         where lack is not null
         select KeyValuePair.Create(method.Key, lack))
        .Concat(methods.Where(method => IsTooSlow(method, bench)).Select(method => KeyValuePair.Create(
            method.Key, $"solves a regression of {Counted.Of(MostFeatures(bench), "unknown")} for each explanation, which takes long; name it after --methods to have it")));

    private static bool IsTooSlow(Method method, Bench bench) =>
        method.Key == Shap && bench is not ImageBench && bench.Request.Methods.Count == 0 && MostFeatures(bench) > (bench.Request.IsQuick ? QuickShapFeatures : ShapFeatures);

    private static int MostFeatures(Bench bench) => bench.Subjects.Max(subject => subject.Samples.Features.Count);

    private static string? LacksAttention(Bench bench) => bench.Package.Description.Architecture is BertArchitecture or DistilBertArchitecture or RobertaArchitecture or LlamaArchitecture
        ? null : "is for networks with attention; this one has none";

    private static string? LacksConvolutions(Bench bench) => bench.Package.Description.Architecture is TorchScriptArchitecture
        ? "reads the result of a module, and TorchScript shows none" : null;

    // The output of the last residual block, as Grad-CAM is used on such networks; elsewhere the last convolution.
    private static GradCamOptions LastBlock(Bench bench) => new()
    {
        Layer = bench.Package.Description.Architecture switch
        {
            CifarResNetArchitecture => "layer3",
            ImageNetResNetArchitecture => "layer4",
            _ => null,
        },
    };

    // Rows of the training part.
    private static TorchSharp.torch.Tensor Background(Bench bench)
    {
        TorchSharp.torch.Tensor training = ((TabularBench)bench).Training;
        return training.narrow(0, 0, Math.Min(BackgroundRows, training.shape[0]));
    }

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

    private static Features Tiles(TorchSharp.torch.Tensor image) => new GridSuperpixels((int)Math.Min(8, image.shape[1]), (int)Math.Min(8, image.shape[2])).Of(image);

    // What is best in one pass, over tiles of a picture.
    private static CoalitionMeanExplainer Coalitions(Bench bench) => bench is ImageBench
        ? new(RelevanceMapExplainer.WithDetail(bench.Model), new CoalitionMeanOptions { Superpixels = Tiles, Seed = bench.Request.Seed })
        : new(BacktraceExplainer.Faithful(bench.Model, baseline: Baseline.Absent), new CoalitionMeanOptions { Seed = bench.Request.Seed });

    // Superpixels for pictures, as LIME has them; the regression of shap's default number of coalitions is not determined by single pixels.
    private static KernelShapExplainer KernelShap(Bench bench) => new(bench.Model, new KernelShapOptions
    {
        // Two coalitions for each feature are the fewest that determine the regression; of drawn ones some say nothing new.
        Samples = bench.Request.IsQuick ? Math.Max(QuickCoalitions, bench is ImageBench ? 0 : 9 * MostFeatures(bench) / 4) : null,
        Superpixels = bench is ImageBench ? new SlicSuperpixels().Of : null,
        Seed = bench.Request.Seed,
    });
}
