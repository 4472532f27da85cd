using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Models that compute with complex numbers are explained by the real and imaginary parts.</summary>
public sealed class ComplexTests
{
    private static readonly Tensor Filter = Draw(2, [3, 6, 2]), Half = Draw(3, [3, 4, 2]), Square = Draw(4, [2, 6, 6]);

    // Linear functions of x [2, 3, 6].
    private static readonly Dictionary<string, Func<Tensor, Tensor>> Maps = new()
    {
        ["real part"] = x => fft.rfft(x).real,
        ["imaginary part"] = x => fft.rfft(x).imag,
        ["longer"] = x => fft.fft_(x, 9).imag,
        ["shorter"] = x => fft.rfft(x, 4, 1).real,
        ["there and back, odd"] = x => fft.irfft(fft.rfft(x, 5) * Constant(Half)[.., ..3], 5),
        ["there and back, even"] = x => fft.irfft(Constant(Half) * fft.rfft(x), 6),
        ["a filter over two axes"] = x => fft.irfft2(fft.rfft2(x, norm: FFTNormType.Ortho) * Constant(Half), [3, 6], norm: FFTNormType.Ortho),
        ["two axes"] = x => fft.fft2(x).imag + x,
        ["all axes of a sample"] = x => fft.ifftn(x, dim: [1, 2]).real + x,
        ["scaled by the root"] = x => fft.fft_(x, norm: FFTNormType.Ortho).real + x,
        ["scaled by the length"] = x => fft.fft_(x, norm: FFTNormType.Forward).real + x,
        ["inverse that is not scaled"] = x => fft.ifft(x, norm: FFTNormType.Forward).real + x,
        ["complex there and back"] = x => fft.ifft(fft.fft_(x, dim: 1), dim: 1).real + x.flip(2),
        ["rotation"] = x => view_as_real(view_as_complex(x.reshape(2, 3, 3, 2)) * Constant(Filter)[.., ..3]).flatten(2),
        ["conjugate"] = x => view_as_real((view_as_complex(x.reshape(2, 3, 3, 2)) * Constant(Filter)[.., ..3]).conj() / 2).flatten(2),
        ["pieces"] = x => view_as_real(cat([fft.rfft(x)[.., .., 1..3], zeros([2L, 3, 2], complex64)], -1).transpose(1, 2)).flatten(2),
        ["matrix"] = x => view_as_real(fft.fft_(x).matmul(complex(Square[0], Square[1]))).flatten(2),
        ["sums"] = x => (fft.fft_(x) - fft.fft_(x.flip(2)) + Constant(Filter) * 0).imag,
    };

    private static IEnumerable<string> Names => Maps.Keys;

    [TestCaseSource(nameof(Names))]
    public void AreGradientTimesInputByLrpZero(string name)
    {
        using var scope = NewDisposeScope();
        Tensor x = Draw(1, [2, 3, 6]);
        Tensor input = x.clone().requires_grad_(), y = Maps[name](input), weights = Draw(5, y.shape);
        Tensor expected = (autograd.grad([(y * weights).sum()], [input])[0] * input).detach();
        BacktracerOptions options = new() { Rules = RuleSet.LrpEpsilon(0) };
        using Explanation e = Explaining.Explain(Maps[name], x, Target.Custom((y * weights).detach().Floats()), options);
        Explaining.AssertSame(e.Input, expected, 2e-4, name);
        Explaining.AssertSame(e.Prediction, y, 1e-6, name);
    }

    [Test]
    public void ARotationIsWhatItIsInRealNumbers([Values] Mode mode)
    {
        using var scope = NewDisposeScope();
        Tensor x = Draw(1, [2, 3, 6]), angles = Draw(2, [3, 3]);
        Tensor Complex(Tensor t) => view_as_real(view_as_complex(t.reshape(2, 3, 3, 2)) * polar(ones_like(angles), angles)).flatten(2);
        Tensor Real(Tensor t)
        {
            Tensor pairs = t.reshape(2, 3, 3, 2), a = pairs.select(-1, 0), b = pairs.select(-1, 1);
            return stack([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], -1).flatten(2);
        }

        AssertSame(Complex, Real, x, mode);
    }

    [Test]
    public void ASpectrumIsAProductWithAMatrix([Values] Mode mode)
    {
        using var scope = NewDisposeScope();
        Tensor x = Draw(1, [2, 3, 6]), angles = outer(arange(6), arange(4)).to(float32) * (2 * Math.PI / 6);
        Tensor Real(Tensor t)
        {
            Tensor real = t.matmul(angles.cos()), imaginary = t.matmul(-angles.sin());
            return (real.square() + imaginary.square()).sqrt();
        }

        AssertSame(t => fft.rfft(t).abs(), Real, x, mode);
    }

    [Test]
    public void WhatHasNoRuleIsNamedAlone()
    {
        using Tensor x = Draw(1, [2, 3, 6]);
        UnsupportedLayerException e = Assert.Throws<UnsupportedLayerException>(() => Explaining.Explain(t => fft.rfft(t).transpose(1, 2).exp().real, x, Target.Argmax()))!;
        Assert.That(e.Layers, Has.Count.EqualTo(1));
        Assert.That(e.Layers[0], Does.Contain("exp of complex numbers has no rule: write it in real and imaginary parts"));
        e = Assert.Throws<UnsupportedLayerException>(() => Explaining.Explain(t => fft.rfft(t.narrow(1, 0, 1).expand(2, 1, 6), 5000).abs(), x, Target.Argmax()))!;
        Assert.That(e.Layers.Single(), Does.Contain("fft_rfft of 5000 entries has no rule"));
    }

    private static void AssertSame(Func<Tensor, Tensor> complex, Func<Tensor, Tensor> real, Tensor x, Mode mode)
    {
        BacktracerOptions options = new() { Mode = mode };
        Target target = Explaining.Seed(real(x));
        using Explanation a = Explaining.Explain(complex, x, target, options), b = Explaining.Explain(real, x, target, options);
        for (int stream = 0; stream < a.Streams.Count; stream++)
            Explaining.AssertSame(a.Streams[stream].Input, b.Streams[stream].Input, 1e-5);
    }

    private static Tensor Constant(Tensor pairs) => view_as_complex(pairs);

    private static Tensor Draw(int seed, long[] shape) => randn(shape, generator: new Generator().manual_seed(seed)).DetachFromDisposeScope();
}
