using Backtrace.Gpu.Targets;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>What does not depend on the input takes its share of a sum, and the ledger says so.</summary>
public sealed class ConstantTests
{
    [TestCase(3f)]
    [TestCase(-3f)]
    public void ANumberInASumTakesItsShare(float number)
    {
        using Tensor input = tensor(new[] { 1f, -2f, 0f, 6f }).reshape(2, 2);
        using Explanation e = Explaining.Explain(x => x + number, input, Target.Custom([1, 1, 1, 1]));
        Explaining.AssertSame(e.Input.Floats(), [1 / 4f, 2 / 5f, 0, 6 / 9f]);
        Assert.That(e.Ledger.Constants.Sum(), Is.EqualTo(3 / 4.0 + 3 / 5.0 + 1 + 3 / 9.0).Within(1e-6));
        Explaining.AssertConserved(e);
    }

    [Test]
    public void ADifferenceFromANumberIsTheSame()
    {
        using Tensor input = tensor(new[] { 1f, -2f }).reshape(1, 2);
        using Explanation e = Explaining.Explain(x => 3 - x, input, Target.Custom([1, 1]));
        Explaining.AssertSame(e.Input.Floats(), [1 / 4f, 2 / 5f]);
        Explaining.AssertConserved(e);
    }

    [Test]
    public void AConstantTensorTakesItsShareWithBroadcasting()
    {
        using Tensor input = tensor(new[] { 1f, -2f, 0f, 6f }).reshape(2, 2), constant = tensor(new[] { -1f, 2f });
        using Explanation e = Explaining.Explain(x => constant + x, input, Target.Custom([1, 1, 1, 1]), new BacktracerOptions { LedgerPerSample = true });
        Explaining.AssertSame(e.Input.Floats(), [0.5f, 0.5f, 0, 0.75f]);
        Explaining.AssertSame(e.Ledger.Constants, [1, 1.25f]);
    }

    [Test]
    public void FactorsTakeNothing()
    {
        using Tensor input = randn(2, 3), factor = randn(3);
        using Explanation e = Explaining.Explain(x => x * factor / 2 * -1.5f, input, Target.Custom([1, 2, 3, 4, 5, 6]));
        Explaining.AssertSame(e.Input.Floats(), [1, 2, 3, 4, 5, 6], 0);
    }

    [Test]
    public void ATensorWithoutInfluenceGetsNothing()
    {
        using Tensor input = randn(2, 3), other = randn(2, 3);
        using Backtracer backtracer = new(null, x => [x[0] * 2], Support.TestDevices.Get("cpu"));
        using Explanation e = backtracer.Explain([input, other], Target.Class(0));
        Assert.That(e.Inputs[1].Floats(), Has.All.Zero);
        Assert.That(e.Inputs[0].Floats(), Is.EqualTo(new float[] { 1, 0, 0, 1, 0, 0 }));
    }

    [Test]
    public void WhatIsDeclaredConstantGetsNoRelevance()
    {
        using var scope = NewDisposeScope();
        Tensor x = tensor(new float[] { 1, 2, 3 }).reshape(1, 3);
        using Explanation product = Explaining.Explain(v => v * Constant.Of(v.i0()), x, Target.Custom([1, 2, 3]));
        using Explanation sum = Explaining.Explain(v => v + Constant.Of(v * 3), x, Target.Custom([4, 8, 12]));
        Assert.Multiple(() =>
        {
            Assert.That(product.Input.Floats(), Is.EqualTo(new float[] { 1, 2, 3 }));
            Assert.That(sum.Input.Floats(), Is.EqualTo(new float[] { 1, 2, 3 }));
            Assert.That(sum.Ledger.Constants[0], Is.EqualTo(18).Within(1e-5));
        });
    }

    [Test]
    public void AConstantKeepsItsValuesAndGradients()
    {
        using var scope = NewDisposeScope();
        Tensor x = ones(3, requires_grad: true);
        Constant.Of(x * 2).sum().backward();
        Assert.That(x.grad!.Floats(), Is.All.EqualTo(2f));
        using Explanation e = Explaining.Explain(v =>
        {
            Tensor w = v * 1, kept = Constant.Of(w);
            w.add_(100);
            return v + kept;
        }, ones(1, 3), Target.Custom([2, 2, 2]));
        Assert.That(e.Input.Floats(), Is.All.EqualTo(1f));
    }
}
