using Backtrace.Gpu;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;

namespace Backtrace.Gpu.Tests.Docs;

/// <summary>The example of README.md, run on a photo.</summary>
public sealed class ReadmeExample
{
    [Test]
    public void Runs()
    {
        using var scope = torch.NewDisposeScope();
        using TemporaryFolder folder = new();
        string[] args = [Assets.Path("cifar10", "cifar10_00_3.png"), Path.Combine(folder.Path, "explanation.safetensors")];

        using ModelPackage package = ModelPackage.Load("resnet20");
        using ImageInput photo = ((ImagePreprocessing)package.Description.Preprocessing).Read(args[0]);
        using Backtracer backtracer = new(package.Module);
        using Explanation e = backtracer.Explain(photo.Values, Target.Argmax());
        var pixels = e.Input.sum(1); // [1, 32, 32]
        int answer = (int)e.Prediction.argmax(1).item<long>();
        Console.WriteLine($"{package.Description.Classes[answer]}; most relevant pixel: {pixels.argmax().item<long>()}");
        Console.WriteLine($"{e.Ledger.Start[0]} = {e.Ledger.Input[0]} at the pixels + {e.Ledger.Bias[0]} at biases + {e.Ledger.Dropped[0]} dropped + {e.Ledger.Constants[0]} at constants");
        e.Save(args[1]);

        using Explanation saved = Explanation.Load(args[1]);
        Assert.Multiple(() =>
        {
            Assert.That(package.Description.Classes[answer], Is.EqualTo("cat"));
            Assert.That(pixels.shape, Is.EqualTo(new long[] { 1, 32, 32 }));
            Assert.That(e.Ledger.Input[0] + e.Ledger.Bias[0] + e.Ledger.Dropped[0] + e.Ledger.Constants[0], Is.EqualTo(1).Within(1e-5));
            Assert.That(saved.Input.data<float>().ToArray(), Is.EqualTo(e.Input.data<float>().ToArray()));
        });
    }
}
