using Backtrace.Gpu.Baselines;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Perturbation;

public sealed class TensorLifetimeTests
{
    private static IEnumerable<TestCaseData> Explainers()
    {
        static TestCaseData Case(string name, Func<ExplainedModel, IExplainer> make) => new TestCaseData(make).SetArgDisplayNames(name);
        Func<Tensor, Features> grid = new GridSuperpixels(2, 3).Of, slic = new SlicSuperpixels(4).Of;
        yield return Case("coalition mean", m => new CoalitionMeanExplainer(BacktraceExplainer.Faithful(m)));
        yield return Case("random", _ => new RandomExplainer());
        yield return Case("occlusion", m => new OcclusionExplainer(m, new() { Window = [3, 3], Strides = [2, 2] }));
        yield return Case("ablation", m => new FeatureAblationExplainer(m));
        yield return Case("KernelSHAP", m => new KernelShapExplainer(m, new() { Superpixels = grid, L1 = L1.Aic }));
        yield return Case("permutations", m => new PermutationShapleyExplainer(m, new() { Superpixels = grid }));
        yield return Case("exact", m => new ExactShapleyExplainer(m, new() { Superpixels = slic }));
        yield return Case("LIME of images", m => LimeExplainer.Image(m, new() { Superpixels = slic }));
        yield return Case("LIME of tables", m =>
        {
            using Tensor training = rand(9, 1, 6, 6);
            return LimeExplainer.Tabular(m, training, new() { Samples = 50 });
        });
    }

    [TestCaseSource(nameof(Explainers))]
    public void NothingIsLeftBehind(Func<ExplainedModel, IExplainer> make)
    {
        using FunctionModel sum = new(x => x.flatten(1).sum(1, keepdim: true));
        using Features features = Features.Pixels(1, 6, 6);
        using Samples samples = new(arange(108, float32).view(3, 1, 6, 6).clone(), zeros(3, int64), zeros(1, 1, 6, 6), features);
        using IExplainer explainer = make(new ExplainedModel(sum));
        explainer.Explain(samples).Dispose();
        long before = Tensor.TotalCount;
        explainer.Explain(samples).Dispose();
        Assert.That(Tensor.TotalCount, Is.LessThanOrEqualTo(before));
        using Tensor kept = explainer.Explain(samples);
        Assert.That(Tensor.TotalCount, Is.LessThanOrEqualTo(before + 1), "the attributions alone");
    }

    [Test]
    public void ChosenScoresAreAllThatIsLeftOfTheirChoice()
    {
        using Tensor scores = rand(3, 4), targets = zeros(3, int64);
        long before = Tensor.TotalCount;
        using Tensor chosen = ExplainedModel.Chosen(scores, targets);
        Assert.That(Tensor.TotalCount, Is.LessThanOrEqualTo(before + 1));
    }
}
