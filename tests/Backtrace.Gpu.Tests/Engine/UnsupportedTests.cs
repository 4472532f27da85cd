using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>What cannot be explained stops the run before relevance moves, with all such places at once.</summary>
public sealed class UnsupportedTests
{
    private static readonly (string Operator, Func<Tensor, Tensor> Forward)[] Places =
    [
        ("i0", x => x.i0()),
        ("cumsum along 9000 entries", x => x.select(1, 0).unsqueeze(1).expand(4, 9000).cumsum(1)),
        ("cumprod along 2000 entries", x => x.sin().select(1, 0).unsqueeze(1).expand(4, 2000).cumprod(1)),
        ("renorm takes norms over the samples", x => x.renorm(2, 1, 1)),
        ("clamp depends on the input by more than its first argument: make the others constants", x => x.clamp(x * 2, x * 3)),
        ("nextafter", x => x.nextafter(x * 2)),
        ("lerp has a weight", x => lerp(x, x * 2, x)),
        ("cdist of order 0", x => cdist(x, x * 2, 0)),
        ("linalg_vector_norm of order -1", x => linalg.vector_norm(x, -1, [1])),
        ("pow", x => x.select(1, 0).unsqueeze(1).pow(ones(4))),
        ("clamp", x => x.select(1, 0).unsqueeze(1).clamp(-ones(4), ones(4))),
    ];

    private static IEnumerable<string> Names => Places.Select(p => p.Operator);

    [TestCaseSource(nameof(Names))]
    public void AnOperatorWithoutRuleIsNamed(string name)
    {
        using var scope = NewDisposeScope();
        Func<Tensor, Tensor> forward = Places.Single(p => p.Operator == name).Forward;
        UnsupportedLayerException e = Refused(new Net(forward), randn(4, 4));
        Assert.That(e.Layers, Has.Count.EqualTo(1));
        Assert.That(e.Layers[0], Does.Contain(name));
    }

    [Test]
    public void FewerHeadsOfQueriesThanOfKeysAreRefused()
    {
        using var scope = NewDisposeScope();
        static Tensor Forward(Tensor x)
        {
            Tensor key = x.view(1, 1, 4, 4).expand(1, 8, 4, 4);
            return nn.functional.scaled_dot_product_attention(x.view(1, 1, 4, 4), key, key);
        }

        Assert.That(Refused(new Net(Forward), randn(4, 4)).Message, Does.Contain("expand them"));
    }

    [Test]
    public void AllPlacesAreListedWithTheNamesOfTheirLayers()
    {
        using var scope = NewDisposeScope();
        Net inner = new(x => x.i0());
        Net encoder = new(inner.call, ("scan", inner));
        Net model = new(x => encoder.call(x).i0().relu().nextafter(x), ("encoder", encoder));
        UnsupportedLayerException e = Refused(model, randn(2, 3));
        Assert.That(e.Layers, Has.Count.EqualTo(3));
        Assert.That(e.Layers[0], Does.StartWith("encoder.scan").And.Contain("i0"));
        Assert.That(e.Message, Does.Contain("i0").And.Contain("nextafter"));
    }

    [Test]
    public void WhatTheOutputDoesNotNeedDoesNotMatter()
    {
        using var scope = NewDisposeScope();
        Tensor input = randn(2, 3);
        using Explanation e = Explaining.Explain(
            x =>
            {
                _ = x.i0().sort(1);
                _ = x.argmax(1);
                return x * 2;
            },
            input,
            Target.Class(1));
        Assert.That(e.Input.Floats(), Is.EqualTo(new float[] { 0, 1, 0, 0, 1, 0 }));
    }

    [Test]
    public void AConstantThatWasFilledIsExplained()
    {
        using var scope = NewDisposeScope();
        Tensor input = tensor(new[] { 1f, -3f }).reshape(1, 2);
        using Explanation e = Explaining.Explain(x => ones(1, 2).add_(x) * 2, input, Target.Custom([1, 1]));
        Explaining.AssertSame(e.Input.Floats(), [0.5f, 0.75f]);
    }

    [Test]
    public void AnOutputThatDoesNotDependOnTheInputIsRefused()
    {
        using var scope = NewDisposeScope();
        Assert.That(Refused(new Net(x => ones(2, 3)), randn(2, 4)).Message, Does.Contain("Output 0"));
    }

    [Test]
    public void WhatEndedTheWayToTheOutputIsNamed()
    {
        using var scope = NewDisposeScope();
        Tensor codes = randn(4, 3), weight = randn(3, 4);
        Assert.That(Refused(new Net(x => codes[x.argmax(1)]), randn(2, 4)).Message, Does.Contain("Output 0").And.Contain("argmax"));
        Assert.That(Refused(new Net(x => nn.functional.linear(x.sign(), weight)), randn(2, 4)).Message, Does.Contain("sign"));
        Assert.That(Refused(new Net(x => (x > 0).to(float32)), randn(2, 4)).Message, Does.Contain("gt"));
    }

    private static UnsupportedLayerException Refused(Net model, Tensor input)
    {
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        return Assert.Throws<UnsupportedLayerException>(() => backtracer.Explain(input, Target.Argmax()))!;
    }
}
