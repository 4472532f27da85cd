using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation.Experiments;
using Backtrace.Gpu.Kernels.Rules;

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
        new("gradient", Modality.All, b => new GradientExplainer(b.Model)),
        new("gradient-x-input", Modality.All, b => new GradientTimesInputExplainer(b.Model)),
        new("integrated-gradients", Modality.All, b => new IntegratedGradientsExplainer(b.Model)),
        new("smoothgrad", Modality.All, b => new SmoothGradExplainer(b.Model)),
        new("grad-cam", Modality.Picture, b => new GradCamExplainer(b.Model)),
        new("grad-cam++", Modality.Picture, b => new GradCamPlusPlusExplainer(b.Model)),
        new("kernel-shap", Modality.All, b => new KernelShapExplainer(b.Model)),
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
}
