using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Short forms for explaining a model in a test and for judging the result.</summary>
internal static class Explaining
{
    internal static float[] Floats(this Tensor tensor) => [.. tensor.detach().to(float32).contiguous().data<float>()];

    internal static Explanation Explain(nn.Module model, Tensor input, Target target, BacktracerOptions? options = null, string device = "cpu")
    {
        using Backtracer backtracer = new(model, TestDevices.Get(device), options);
        return backtracer.Explain(input, target);
    }

    internal static Explanation Explain(Func<Tensor, Tensor> forward, Tensor input, Target target, BacktracerOptions? options = null, string device = "cpu")
    {
        using Backtracer backtracer = new(null, x => [forward(x[0])], TestDevices.Get(device), options);
        return backtracer.Explain(input, target);
    }

    /// <summary>Start relevance that differs at every output.</summary>
    internal static Target Seed(Tensor output, int seed = 7)
    {
        Random random = new(seed);
        return Target.Custom([.. Enumerable.Range(0, (int)output.numel()).Select(_ => random.NextSingle())]);
    }

    internal static void AssertSame(Tensor actual, Tensor expected, double tolerance = 1e-6, string what = "") => AssertSame(actual.Floats(), expected.Floats(), tolerance, what);

    internal static void AssertSame(float[] actual, float[] expected, double tolerance = 1e-6, string what = "")
    {
        Assert.That(actual, Has.Length.EqualTo(expected.Length), what);
        Assert.That(Deviation.Of(actual, expected), Is.LessThanOrEqualTo(tolerance), what);
    }

    /// <summary>start = input + bias + dropped + constants, row by row.</summary>
    internal static void AssertConserved(Explanation e, string what = "")
    {
        for (int row = 0; row < e.Ledger.Start.Count; row++)
        {
            double start = e.Ledger.Start[row];
            double end = (double)e.Ledger.Input[row] + e.Ledger.Bias[row] + e.Ledger.Dropped[row] + e.Ledger.Constants[row];
            Assert.That(end, Is.EqualTo(start).Within(1e-5 * Math.Max(e.Ledger.Start.Max(Math.Abs), 1e-6)), $"{what} row {row}");
        }

        double input = e.Inputs.Sum(i => i.Floats().Sum(v => (double)v));
        Assert.That(e.Ledger.Input.Sum(v => (double)v), Is.EqualTo(input).Within(1e-5 * Math.Max(e.Ledger.Start.Sum(Math.Abs), 1e-6)), $"{what} input");
    }
}
