using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Docs;

/// <summary>The example of README.md with the faithful rules, run on a photo.</summary>
public sealed class FaithfulExample
{
    [Test]
    public void Runs()
    {
        using var scope = NewDisposeScope();
        using ModelPackage package = ModelPackage.Load("resnet20");
        using ImageInput photo = ((ImagePreprocessing)package.Description.Preprocessing).Read(Assets.Path("cifar10", "cifar10_00_3.png"));
        nn.Module model = package.Module;
        Tensor input = photo.Values;

        BacktracerOptions options = new() { Rules = RuleSet.Faithful };
        using Backtracer backtracer = new(model, options: options);
        using Explanation e = backtracer.Explain(input, Target.Argmax() with { Scaler = null });

        float score = e.Prediction.max().item<float>();
        double end = (double)e.Ledger.Input[0] + e.Ledger.Bias[0] + e.Ledger.Dropped[0] + e.Ledger.Constants[0];
        Assert.Multiple(() =>
        {
            Assert.That(e.Ledger.Start[0], Is.EqualTo(score));
            Assert.That(end, Is.EqualTo(score).Within(1e-3 * Math.Abs(score)));
            Assert.That(e.Input.min().item<float>(), Is.Negative, "evidence keeps its sign");
        });
    }
}
