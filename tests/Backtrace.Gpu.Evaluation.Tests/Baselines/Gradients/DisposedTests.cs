using Backtrace.Gpu.Baselines;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Gradients;

/// <summary>Explainers that keep tensors say that they are disposed.</summary>
public sealed class DisposedTests
{
    private static IEnumerable<TestCaseData> Explainers()
    {
        static TestCaseData Case(string name, Func<ExplainedModel, Tensor, IExplainer> make) => new TestCaseData(make).SetArgDisplayNames(name);
        yield return Case("Integrated Gradients", (m, _) => new IntegratedGradientsExplainer(m));
        yield return Case("SmoothGrad", (m, _) => new SmoothGradExplainer(m));
        yield return Case("GradientSHAP", (m, rows) => new GradientShapExplainer(m, rows));
        yield return Case("DeepSHAP", (m, rows) => new DeepShapExplainer(m, rows));
    }

    [TestCaseSource(nameof(Explainers))]
    public void NothingIsExplainedAfterwards(Func<ExplainedModel, Tensor, IExplainer> make)
    {
        using var net = Small.Linear(new float[,] { { 1, -2 } });
        using Samples samples = Small.Rows(new float[,] { { 3, 4 }, { 5, 6 } });
        using Features features = samples.Features;
        IExplainer explainer = make(new ExplainedModel(net), samples.Input);
        Small.Explain(explainer, samples);
        explainer.Dispose();
        Assert.That(() => explainer.Explain(samples), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(explainer.Dispose, Throws.Nothing);
    }
}
