using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Two dense layers, from 4 numbers to 3 scores.</summary>
internal static class SmallModel
{
    public static Sequential Create() => Sequential(("first", Linear(4, 6)), ("relu", ReLU()), ("second", Linear(6, 3)));

    public static void AssertIsExplainedBy(Backtracer backtracer)
    {
        using Tensor input = randn(2, 4);
        using Explanation e = backtracer.Explain(input, Target.Argmax());
        Explaining.AssertConserved(e);
        Assert.That(e.Ledger.Lines.Select(l => l.Node), Is.Unique);
    }
}
