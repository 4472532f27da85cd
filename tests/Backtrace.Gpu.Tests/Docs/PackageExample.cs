using Backtrace.Gpu;
using Backtrace.Gpu.Targets;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Docs;

/// <summary>The example of docs/package.md, which is the readme of the packages.</summary>
public sealed class PackageExample
{
    [NUnit.Framework.Test]
    public void Runs()
    {
        using var scope = NewDisposeScope();

        using var model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3));
        using Backtracer backtracer = new(model);
        using Explanation e = backtracer.Explain(rand(1, 4), Target.Argmax());
        Console.WriteLine($"{e.Ledger.Start[0]} = {e.Ledger.Input[0]} at the inputs + {e.Ledger.Bias[0]} at biases + {e.Ledger.Dropped[0]} dropped");

        NUnit.Framework.Assert.That(e.Input.shape, NUnit.Framework.Is.EqualTo(new long[] { 1, 4 }));
        NUnit.Framework.Assert.That(e.Ledger.Input[0] + e.Ledger.Bias[0] + e.Ledger.Dropped[0], NUnit.Framework.Is.EqualTo((double)e.Ledger.Start[0]).Within(1e-5));
    }
}
