using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules.Recurrent;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Kernels;

internal sealed class DeviceMathTests
{
    [Test]
    public void Exp_is_accurate_to_two_ulps()
    {
        double worst = 0;
        for (float x = -87; x < 88; x += 0.00137f)
            worst = Math.Max(worst, Math.Abs(DeviceMath.Exp(x) / Math.Exp(x) - 1));
        Assert.That(worst, Is.LessThan(2.4e-7));
        Assert.That(DeviceMath.Exp(0), Is.EqualTo(1f));
        Assert.That(DeviceMath.Exp(-1e30f), Is.InRange(0, 1.3e-38f));
        Assert.That(float.IsFinite(DeviceMath.Exp(1e30f)));
    }

    [Test]
    public unsafe void Exp_of_a_vector_has_the_bits_of_its_entries()
    {
        Check<Simd>();
        Check<WideSimd>();

        static void Check<TLane>()
            where TLane : struct, ILane<TLane>
        {
            float* values = stackalloc float[TLane.Width];
            for (float x = -100; x < 100; x += 0.173f)
            {
                for (int k = 0; k < TLane.Width; k++)
                    values[k] = x + k * 0.0211f;
                float[] expected = [.. new ReadOnlySpan<float>(values, TLane.Width).ToArray().Select(DeviceMath.Exp)];
                TLane.Store(values, TLane.Exp(TLane.Load(values)));
                Assert.That(new ReadOnlySpan<float>(values, TLane.Width).ToArray(), Is.EqualTo(expected), $"{x}");
            }
        }
    }

    [Test]
    public unsafe void Squashed_values_and_their_rests_keep_their_digits()
    {
        double worst = 0;
        for (float x = -30; x < 30; x += 0.00713f)
        {
            Squashed<Scalar> sigmoid = Squashed<Scalar>.Sigmoid(Scalar.All(x)), tanh = Squashed<Scalar>.Tanh(Scalar.All(x));
            worst = Math.Max(worst, Error(sigmoid.Value, 1 / (1 + Math.Exp(-x))));
            worst = Math.Max(worst, Error(sigmoid.Rest, 1 / (1 + Math.Exp(x))));
            worst = Math.Max(worst, Error(tanh.Value, Math.Tanh(x)));
            worst = Math.Max(worst, Error(tanh.Rest, 2 / (1 + Math.Exp(2.0 * x))));
        }

        Assert.That(worst, Is.LessThan(6e-7));

        static double Error(Scalar actual, double expected)
        {
            float value;
            Scalar.Store(&value, actual);
            return Math.Abs(value / expected - 1);
        }
    }
}
