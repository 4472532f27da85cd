using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Gradients;

public sealed class GuidedBackpropagationTests
{
    // Three units of x = (1, 2): x1 + x2 = 3 (weighs 2), x1 = 1 (weighs -5), -x2 = -2 (weighs 7). Only the first is on and wanted.
    private static readonly float[,] Units = { { 1, 1 }, { 1, 0 }, { 0, -1 } };
    private static readonly float[,] Weights = { { 2, -5, 7 } };

    private static readonly Dictionary<string, Func<Tensor, Tensor>> Forms = new()
    {
        ["relu"] = x => nn.functional.relu(x),
        ["in place"] = x => x.relu_(),
        ["clamp"] = x => x.clamp(min: 0),
        ["clamp_min"] = x => x.clamp_min(0),
        ["threshold"] = x => nn.functional.threshold(x, 0, 0),
        ["method"] = x => x.relu(),
    };

    private static IEnumerable<string> Names => Forms.Keys;

    [TestCaseSource(nameof(Names))]
    public void OnlyPositiveGradientsOfUnitsThatAreOnPass(string form)
    {
        using var first = Small.Linear(Units);
        using var second = Small.Linear(Weights);
        using Lambda net = new(x => second.call(Forms[form](first.call(x))));
        ExplainedModel model = new(net);
        using Samples samples = Small.Rows(new float[,] { { 1, 2 } });
        using GuidedBackpropagationExplainer guided = new(model);
        using GradientExplainer plain = new(model, new GradientOptions { Absolute = false });
        Assert.Multiple(() =>
        {
            Assert.That(Small.Explain(guided, samples), Is.EqualTo(new float[] { 2, 2 }));
            Assert.That(Small.Explain(plain, samples), Is.EqualTo(new float[] { -3, 2 }), "the model itself is left alone");
        });
    }

    [Test]
    public void ModulesCountToo()
    {
        using var net = nn.Sequential(("a", Small.Linear(Units)), ("b", nn.ReLU()), ("c", Small.Linear(Weights)));
        using Samples samples = Small.Rows(new float[,] { { 1, 2 }, { -1, 2 } });
        using GuidedBackpropagationExplainer guided = new(new ExplainedModel(net)), single = new(new ExplainedModel(net), batch: 1);
        float[] expected = [2, 2, 2, 2]; // in the second row only the first unit is on
        Assert.Multiple(() =>
        {
            Assert.That(Small.Explain(guided, samples), Is.EqualTo(expected));
            Assert.That(Small.Explain(single, samples), Is.EqualTo(expected));
        });
    }

    // Two ReLUs one after the other: the second's gradient is cut before the first sees it.
    [Test]
    public void GradientsAreCutAtEachOfSeveralRelus()
    {
        using var first = Small.Linear(new float[,] { { 1, 0 }, { 0, 1 } });
        using var second = Small.Linear(new float[,] { { 1, -3 }, { 1, 1 } }, [5, 0]);
        using var third = Small.Linear(new float[,] { { 1, 1 } });
        using Lambda net = new(x => third.call(second.call(first.call(x).relu()).relu()));
        ExplainedModel model = new(net);
        using Samples samples = Small.Rows(new float[,] { { 1, 1 } });
        using GuidedBackpropagationExplainer guided = new(model);
        using GradientExplainer plain = new(model, new GradientOptions { Absolute = false });
        Assert.Multiple(() =>
        {
            Assert.That(Small.Explain(guided, samples), Is.EqualTo(new float[] { 2, 0 }));
            Assert.That(Small.Explain(plain, samples), Is.EqualTo(new float[] { 2, -2 }));
        });
    }

    [Test]
    public void OfAResidualNetworkTheScoresStayAndAttributionsChange()
    {
        using ModelPackage package = ModelPackage.Load(Assets.Path("models", "resnet20"));
        ExplainedModel model = new(package.Module);
        using Samples samples = Small.Draw(12, 2, 3, 32, 32);
        using GuidedBackpropagationExplainer guided = new(model);
        using GradientExplainer plain = new(model, new GradientOptions { Absolute = false });
        float[] first = Small.Explain(guided, samples);
        Assert.Multiple(() =>
        {
            Assert.That(Small.Explain(guided, samples), Is.EqualTo(first));
            Assert.That(first, Has.None.NaN);
            Assert.That(Deviation.Of(first, Small.Explain(plain, samples)), Is.GreaterThan(0.1));
        });
    }

    [Test]
    public void ModelsWithoutReluAreRefused()
    {
        using Mlp mlp = Small.Mlp(1, [2, 3, 2], Activation.Tanh);
        using Samples samples = Small.Draw(1, 1, 2);
        using GuidedBackpropagationExplainer guided = new(new ExplainedModel(mlp));
        Assert.That(() => guided.Explain(samples), Throws.TypeOf<ExplainerException>().With.Message.Contains("no ReLU"));
    }

    [Test]
    public void ReluInPlaceOnAViewIsRefusedByName()
    {
        using var first = Small.Linear(Units);
        using var second = Small.Linear(Weights);
        using Lambda part = new(x => x.view(-1, 3).relu_());
        using Lambda net = new(x => second.call(part.call(first.call(x))), part);
        using Samples samples = Small.Rows(new float[,] { { 1, 2 } });
        using GuidedBackpropagationExplainer guided = new(new ExplainedModel(net));
        Assert.That(() => guided.Explain(samples), Throws.TypeOf<ExplainerException>().With.Message.Contains("'part0'"));
    }
}
