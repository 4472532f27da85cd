using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Docs;

/// <summary>The example of README.md with a model of PyTorch.</summary>
public sealed class TorchScriptExample
{
    [Test]
    public void Runs()
    {
        using TemporaryFolder folder = new();
        using TorchSharp.Modules.Linear layer = nn.Linear(3, 2);
        ScriptArchive.Write(folder.File("model.pt"), new("Network", ScriptModuleText.OneToOne, "return (self.head).forward(x, )", ("head", ScriptModuleText.Of("Head", layer, "torch.linear(x, self.weight, self.bias)"))));
        string[] args = [folder.File("model.pt")];

        using var script = torch.jit.load<Tensor, Tensor>(args[0]);
        using Backtracer backtracer = new(script); // its layers have the names that they had in Python

        using Tensor x = ones(1, 3);
        Assert.That(backtracer.ListLayers(x).Select(l => l.Name), Is.EqualTo(new[] { "head" }));
        using Explanation e = backtracer.Explain(x, Target.Class(1));
        Assert.That(e.Ledger.Start.Sum(), Is.EqualTo(1).Within(1e-6));
    }
}
