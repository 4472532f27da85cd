using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using NUnit.Framework;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Activations that a model writes out are explained as libtorch's own; what only looks like one is not.</summary>
public sealed class WrittenActivationTests
{
    private static readonly Tensor First = Wide(8, 5), Second = Wide(8, 5, 1), Last = Wide(3, 8), Bias = Wide(8);

    private static readonly (string Name, Func<Tensor, Tensor> Written, Func<Tensor, Tensor> Operator)[] Activations =
    [
        ("gelu", x => x * 0.5 * (1 + (x / Math.Sqrt(2)).erf()), x => F.gelu(x)),
        ("gelu, half of it last", x => 0.5 * (x * ((x * 0.70710678).erf() + 1)), x => F.gelu(x)),
        ("gelu of a tensor's number", x => x * (tensor(1f) + (x / tensor(1.41421356f)).erf()) * 0.5, x => F.gelu(x)),
        ("gelu with tanh", x => 0.5 * x * (1 + (0.79788456 * (x + 0.044715 * x.pow(3))).tanh()), x => F.gelu(x)),
        ("gelu with tanh, x cubed by products", x => 0.5 * x * (1 + (0.79788456 * x * (1 + 0.044715 * x * x)).tanh()), x => F.gelu(x)),
        ("silu", x => x * x.sigmoid(), x => F.silu(x)),
        ("quick gelu", x => x * (1.702 * x).sigmoid(), x => F.gelu(x)),
        ("mish", x => x * F.softplus(x).tanh(), x => F.mish(x)),
        ("mish by logarithms", x => x * (1 + x.exp()).log().tanh(), x => F.mish(x)),
        ("hardswish", x => x * F.relu6(x + 3) / 6, x => F.hardswish(x)),
        ("hardswish by clamp", x => x * ((x + 3).clamp(0, 6) / 6), x => F.hardswish(x)),
    ];

    private static readonly (string Name, Func<Tensor, Tensor, Tensor> Form)[] Others =
    [
        ("another tensor", (x, y) => x * (1 + (y / 1.4142).erf())),
        ("a tensor of numbers", (x, _) => x * (Bias + x.erf())),
        ("a mean", (x, _) => x * (1 + x.mean([1L], true))),
        ("a softmax", (x, _) => x * (1 + x.softmax(1))),
        ("a sum with another tensor", (x, y) => x * (1 + (x + y).erf())),
        ("other entries of it", (x, _) => x * (1 + x.flip(1))),
    ];

    private static IEnumerable<string> Names => Activations.Select(a => a.Name);

    private static IEnumerable<string> OtherNames => Others.Select(o => o.Name);

    [TestCaseSource(nameof(Names))]
    public void IsExplainedAsTheOperator(string name)
    {
        using var scope = NewDisposeScope();
        (_, Func<Tensor, Tensor> written, Func<Tensor, Tensor> operation) = Activations.Single(a => a.Name == name);
        random.manual_seed(1);
        Tensor input = randn(4, 5);

        // The last layer would see a slight difference of values; the sum of what enters the activation does not.
        Tensor seed = rand(4, 8);
        Target target = Target.Custom(seed.Floats());
        foreach (Mode mode in new[] { Mode.Default, Mode.Contrastive })
        {
            BacktracerOptions options = new() { Mode = mode };
            using Explanation actual = Explaining.Explain(x => written(F.linear(x, First, Bias)), input, target, options);
            using Explanation expected = Explaining.Explain(x => operation(F.linear(x, First, Bias)), input, target, options);
            for (int stream = 0; stream < actual.Streams.Count; stream++)
                Explaining.AssertSame(actual.Streams[stream].Input, expected.Streams[stream].Input, 1e-6, $"{mode} {stream}");
        }
    }

    [TestCaseSource(nameof(OtherNames))]
    public void WhatOnlyLooksLikeOneIsAProduct(string name)
    {
        using var scope = NewDisposeScope();
        Func<Tensor, Tensor, Tensor> form = Others.Single(o => o.Name == name).Form;
        using Explanation e = Explaining.Explain(x => F.linear(form(F.linear(x, First, Bias), F.linear(x, Second, Bias)), Last, null), randn(4, 5), Target.Class(0));
        Assert.That(e.Ledger.Lines.Select(l => l.Node), Has.None.StartsWith("Activation").And.Some.StartsWith("Mul"));
    }

    private static Tensor Wide(params long[] shape)
    {
        random.manual_seed(shape.Sum());
        return randn(shape.Length == 3 ? shape[..2] : shape).DetachFromDisposeScope();
    }
}
