using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines;

/// <summary>Methods that look into a network find in a TorchScript file what they find in the modules.</summary>
public sealed class ScriptedModelTests
{
    private static readonly Dictionary<string, Func<ExplainedModel, IExplainer>> Methods = new()
    {
        ["gradient"] = model => new GradientExplainer(model),
        ["guided backpropagation"] = model => new GuidedBackpropagationExplainer(model),
        ["DeepLIFT"] = model => new DeepLiftExplainer(model),
        ["Integrated Gradients"] = model => new IntegratedGradientsExplainer(model),
        ["LRP"] = model => Lrp.EpsilonPlus(model),
        ["Backtrace"] = model => new BacktraceExplainer(model),
    };

    private static IEnumerable<string> Names => Methods.Keys;

    [TestCaseSource(nameof(Names))]
    public void ExplainsAsTheModulesAreExplained(string method)
    {
        using Pair pair = new();
        using Features features = Features.Each(4);
        using Samples samples = new(rand(2, 4) + 0.1, tensor(new long[] { 0, 2 }), zeros(1, 4), features);
        using IExplainer ofModules = Methods[method](pair.Modules), ofScript = Methods[method](pair.Script);
        using Tensor expected = ofModules.Explain(samples);
        // libtorch watches the first runs and rewrites the program for later ones.
        for (int run = 0; run < 5; run++)
        {
            using Tensor actual = ofScript.Explain(samples);
            Assert.That(Deviation.Of(actual.data<float>().ToArray(), expected.data<float>().ToArray()), Is.LessThan(1e-5), $"run {run}");
        }
    }

    [Test]
    public void ItsLayersBecomeRandomOneAfterTheOther()
    {
        using Pair pair = new();
        using Features features = Features.Each(4);
        using Samples samples = new(rand(2, 4), tensor(new long[] { 0, 2 }), zeros(1, 4), features);
        using GradientExplainer gradients = new(pair.Script);
        using Tensor attributions = gradients.Explain(samples);
        float[] before = Parameters();
        RandomisationCurve curve = new Mprt().Curves(new Measurement(pair.Script, samples, attributions, gradients));
        Assert.That(curve.Layers, Is.EqualTo(new[] { "head", "hidden" }));
        Assert.That(Parameters(), Is.EqualTo(before));

        float[] Parameters() => [.. pair.Script.Module.named_parameters().SelectMany(p => p.parameter.detach().data<float>().ToArray())];
    }

    // An MLP as modules and as a script.
    private sealed class Pair : IDisposable
    {
        private readonly TemporaryFolder folder = new();
        private readonly Linear hidden = nn.Linear(4, 8), head = nn.Linear(8, 3);
        private readonly Sequential modules;
        private readonly TorchScriptNetwork script;

        internal Pair()
        {
            modules = nn.Sequential(("hidden", hidden), ("relu", nn.ReLU()), ("head", head));
            ScriptModuleText Layer(string name, Linear layer) => ScriptModuleText.Of(name, layer, "torch.linear(x, self.weight, self.bias)");
            script = TorchScriptNetwork.Load(ScriptArchive.Write(folder.File("model.pt"), new(
                "Network", ScriptModuleText.OneToOne, "return (self.head).forward(torch.relu((self.hidden).forward(x, )), )", ("hidden", Layer("Hidden", hidden)), ("head", Layer("Head", head)))));
            (Modules, Script) = (new ExplainedModel(modules), new ExplainedModel(script));
        }

        internal ExplainedModel Modules { get; }

        internal ExplainedModel Script { get; }

        public void Dispose()
        {
            script.Dispose();
            modules.Dispose();
            folder.Dispose();
        }
    }
}
