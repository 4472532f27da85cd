using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Golden;

/// <summary>
/// How far a golden case lets a float32 run be off: of the maximum, and for models of the sum too. In contrastive mode units that are nearly
/// tied may take the other branch, and single entries of networks with real weights differ more than the sum does.
/// </summary>
internal sealed class GoldenTolerance(GoldenCase golden, Mode mode)
{
    private readonly double ofMaximum = golden.Tolerance(golden.IsModel ? $"{GoldenTests.Name(mode)}.tol_fp32" : "tol_fp32");
    private readonly double? ofSum = golden.IsModel ? golden.Tolerance($"{GoldenTests.Name(mode)}.tol_fp32_l1") : null;

    /// <summary>Largest error so far, relative to the maximum of its tensor.</summary>
    internal double Worst { get; private set; }

    internal static void CheckOutput(Tensor actual, double[] expected) =>
        Assert.That(Deviation.Of(ToArray(actual), ToFloats(expected)), Is.LessThanOrEqualTo(1e-4), "output");

    /// <summary>Compares a tensor of all streams at once.</summary>
    internal void Check(string what, IEnumerable<Tensor> actual, IEnumerable<double[]> expected)
    {
        float[] values = [.. actual.SelectMany(ToArray)], reference = [.. expected.SelectMany(ToFloats)];
        Assert.That(values, Has.Length.EqualTo(reference.Length), what);
        double error = Deviation.Of(values, reference);
        Assert.That(error, Is.LessThanOrEqualTo(ofMaximum), what);
        if (ofSum is { } limit)
        {
            double difference = values.Zip(reference, (a, b) => Math.Abs((double)a - b)).Sum();
            Assert.That(difference, Is.LessThanOrEqualTo(limit * Math.Max(reference.Sum(v => Math.Abs((double)v)), 1e-30)), $"{what}, sum of errors");
        }

        Worst = Math.Max(Worst, error);
    }

    private static float[] ToArray(Tensor tensor) => [.. tensor.contiguous().data<float>()];

    private static float[] ToFloats(double[] values) => [.. values.Select(v => (float)v)];
}
