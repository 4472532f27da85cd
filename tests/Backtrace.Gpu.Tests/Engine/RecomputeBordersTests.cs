using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>What crosses the border of a block that is computed again: tensors that are moved out, memory that is written inside and outside, layers that are merged across it.</summary>
public sealed class RecomputeBordersTests
{
    private static readonly RuleSet[] Merging = [RuleSet.LrpEpsilon(), RuleSet.Faithful];

    [Test]
    public void TensorsThatAreMovedOutOfItsScopeStay([Values(1, 2)] int scopes)
    {
        Tensor? moved = null;
        AssertSame(
            x =>
            {
                using DisposeScope? own = scopes == 2 ? NewDisposeScope() : null;
                Tensor y = x.tanh();
                moved = (y * 2).MoveToOuterDisposeScope();
                if (scopes == 2)
                    moved.MoveToOuterDisposeScope();
                return (y.sin() + 1).cos().MoveToOuterDisposeScope();
            },
            (inner, x) => inner.call(x) + moved!);
    }

    [Test]
    public void ArgumentsAreCompletedWhereTheyAreUsed() => AssertSame(
        x => (x.narrow(1, 1, 2).sin() + 1).cos(),
        (inner, x) =>
        {
            Tensor y = x * 2;
            y.narrow(1, 0, 2).mul_(3);
            return inner.call(y) + y.narrow(1, 2, 2);
        });

    [Test]
    public void ResultsThatLackWritesMayBeOverwrittenOutside() => AssertSame(
        x =>
        {
            Tensor y = x.sin() + 1;
            y.narrow(1, 0, 2).relu_();
            return y;
        },
        (inner, x) => inner.call(x).neg_() * 2);

    [Test]
    public void LayersOutsideTakeNormalisationsInside([ValueSource(nameof(Merging))] RuleSet rules, [Values] bool isInBlock)
    {
        using var scope = NewDisposeScope();
        Conv1d convolution = Conv1d(2, 3, 1);
        BatchNorm1d norm = BatchNorm1d(3);
        using Net before = new(x => convolution.call(x.sin()), ("conv", convolution)), after = new(x => norm.call(x).sin() + 1, ("norm", norm));
        using Net model = new(x => after.call(before.call(x.reshape(2, 2, 2))).flatten(1), ("before", before), ("after", after));
        RecomputeTests.AssertSame(model, randn(2, 4), isInBlock ? ["before", "after"] : ["after"], new BacktracerOptions { Rules = rules }, Target.Argmax(), full: false);
    }

    [Test]
    public void AbsentTensorsAndNumbersAreReturned()
    {
        using var scope = NewDisposeScope();
        using Returning<Tensor?[]> list = new(x => [x.sin() + 1, null]);
        using Returning<(Tensor, int)> tuple = new(x => (x.sin() + 1, 3));
        using Net model = new(x => list.call(x)[0]! * tuple.call(x).Item1, ("list", list), ("tuple", tuple));
        RecomputeTests.AssertSame(model, randn(2, 4), ["*"], new BacktracerOptions(), Target.Argmax(), full: false);
    }

    [Test]
    public void ItsOwnWritesIntoMemoryFromOutsideAreNoticed([Values] Mode mode)
    {
        using var scope = NewDisposeScope();
        Tensor? sum = null;
        using Net inner = new(x =>
        {
            Tensor y = (x.sin() + sum!).cos() * 2;
            sum!.add_(y);
            return x * 2;
        });
        using Net model = new(
            x =>
            {
                sum = ones_like(x);
                return inner.call(x).sin() + sum;
            },
            ("inner", inner));
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"), new BacktracerOptions { Mode = mode, Recompute = ["inner"] });
        Assert.That(() => backtracer.Explain(randn(2, 4), Target.Argmax()), Throws.InstanceOf<InvalidModelException>().With.Message.Contains("inner computed other values"));
    }

    [Test]
    public void SmallResultsAreComparedToo()
    {
        using var scope = NewDisposeScope();
        using Net inner = new(x => (x.sin() + rand_like(x)).cos() * 1e-7f);
        using Net model = new(x => inner.call(x) * 1e7f, ("inner", inner));
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"), new BacktracerOptions { Recompute = ["inner"] });
        Assert.That(() => backtracer.Explain(randn(2, 4), Target.Argmax()), Throws.InstanceOf<InvalidModelException>().With.Message.Contains("inner computed other values"));
    }

    [Test]
    public void WhatAModuleKeepsSurvivesAnError()
    {
        using var scope = NewDisposeScope();
        using Caching inner = new();
        using Net model = new(x => inner.call(x) * 2, ("inner", inner));
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"), new BacktracerOptions { Recompute = ["inner"] });
        Assert.That(() => backtracer.Explain(randn(2, 3), Target.Argmax()), Throws.InstanceOf<InvalidModelException>());
        using Explanation e = backtracer.Explain(randn(2, 4), Target.Argmax());
        Explaining.AssertConserved(e);
    }

    [Test]
    public void HooksThatChangeWhatItIsCalledWithAreNoticed([Values] bool later)
    {
        using var scope = NewDisposeScope();
        using Net inner = new(x => x.sin() + 1);
        using Net model = new(x => inner.call(x) * 2, ("inner", inner));
        BacktracerOptions options = new() { Recompute = ["inner"] };
        using Backtracer? before = later ? new(model, TestDevices.Get("cpu"), options) : null;
        inner.register_forward_pre_hook((_, x) => x * 2);
        using Backtracer backtracer = before ?? new(model, TestDevices.Get("cpu"), options), plain = new(model, TestDevices.Get("cpu"));
        Tensor input = randn(2, 4);
        if (!later)
        {
            Assert.That(() => backtracer.Explain(input, Target.Argmax()), Throws.InstanceOf<UnsupportedLayerException>().With.Message.Contains("names 'inner', but a hook changes"));
            return;
        }

        // It is part of the call.
        using Explanation expected = plain.Explain(input, Target.Argmax()), actual = backtracer.Explain(input, Target.Argmax());
        Assert.That(actual.Input.Floats(), Is.EqualTo(expected.Input.Floats()));
    }

    [Test]
    public void TensorsThatAreLeftOnlyWithoutRecomputeAreNamed()
    {
        using var scope = NewDisposeScope();
        List<Tensor> kept = [];
        using Net inner = new(x =>
        {
            kept.Add(x.tanh());
            return x.sin() + 1;
        });
        using Net model = new(x => inner.call(x) * kept[^1], ("inner", inner));
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"), new BacktracerOptions { Recompute = ["inner"] });
        Assert.That(() => backtracer.Explain(randn(2, 4), Target.Argmax()), Throws.InstanceOf<InvalidModelException>().With.Message.Contains("Of modules that Recompute names only what they return"));
    }

    [Test]
    public void ModulesMayCallThemselves()
    {
        int depth = 0;
        Module<Tensor, Tensor>? self = null;
        AssertSame(
            x =>
            {
                Tensor y = (x.sin() + 1).cos();
                Tensor z = depth++ % 2 == 0 ? self!.call(y) : y * 2;
                return (z * y).tanh() + 1;
            },
            (inner, x) => (self = inner).call(x) * 2);
    }

    [Test]
    public void RefusalsLeaveNothingBehind([Values] bool result)
    {
        using Tensor input = randn(2, 4);
        using Returning<object> giving = new(x => new List<object> { x.sin() + 1 });
        using Taking taking = new();
        using Net model = new(x => result ? (Tensor)((List<object>)giving.call(x))[0] : taking.call(x.sin(), new List<object> { x }), ("giving", giving), ("taking", taking));
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"), new BacktracerOptions { Recompute = ["*"] });
        void Refuse()
        {
            using var scope = NewDisposeScope();
            Assert.That(() => backtracer.Explain(input, Target.Argmax()), Throws.InstanceOf<UnsupportedLayerException>().With.Message.Contains("List`1"));
            Tensor next = ones(1);
            Assert.That(scope.Contains(next), Is.True, "a scope was left open");
        }

        Refuse();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = Tensor.TotalCount;
        Refuse();
        Assert.That(Tensor.TotalCount, Is.LessThanOrEqualTo(before)); // fewer where those of other tests are collected
    }

    [Test]
    public void ErrorsOfTheSecondRunSaySo()
    {
        using var scope = NewDisposeScope();
        int calls = 0;
        using Net inner = new(x => calls++ == 0 ? (x.sin() + 1).cos() : x.reshape(77));
        using Net model = new(x => inner.call(x) * 2, ("inner", inner));
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"), new BacktracerOptions { Recompute = ["inner"] });
        Assert.That(() => backtracer.Explain(randn(2, 4), Target.Argmax()), Throws.InstanceOf<InvalidModelException>().With.Message.StartsWith("inner failed in libtorch when it was run a second time"));
    }

    [Test]
    public void NormalisationsThatAreWrittenAcrossItsBorderAreRefused()
    {
        using var scope = NewDisposeScope();
        using Returning<(Tensor, Tensor)> inner = new(x =>
        {
            Tensor y = x.sin() + 1, difference = y - y.mean([-1], keepdim: true);
            return (difference, difference.pow(2).mean([-1], keepdim: true));
        });
        using Net model = new(
            x =>
            {
                (Tensor difference, Tensor variance) = inner.call(x);
                return difference / (variance + 1e-6f).sqrt();
            },
            ("inner", inner));
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"), new BacktracerOptions { Rules = RuleSet.Faithful, Recompute = ["inner"] });
        Assert.That(() => backtracer.Explain(randn(2, 4), Target.Argmax()), Throws.InstanceOf<UnsupportedLayerException>().With.Message.Contains("inside of a module that Recompute names"));
    }

    private static void AssertSame(Func<Tensor, Tensor> inside, Func<Module<Tensor, Tensor>, Tensor, Tensor> outside)
    {
        using var scope = NewDisposeScope();
        using Net inner = new(inside);
        using Net model = new(x => outside(inner, x), ("inner", inner));
        RecomputeTests.AssertSame(model, randn(2, 4), ["inner"], new BacktracerOptions(), Target.Argmax(), full: false);
    }

    private sealed class Returning<T>(Func<Tensor, T> run) : Module<Tensor, T>(nameof(Returning<T>))
    {
        public override T forward(Tensor x) => run(x);
    }

    private sealed class Taking() : Module<Tensor, List<object>, Tensor>(nameof(Taking))
    {
        public override Tensor forward(Tensor x, List<object> hiding) => x + (Tensor)hiding[0];
    }

    private sealed class Caching() : Module<Tensor, Tensor>(nameof(Caching))
    {
        private Tensor? cached;

        public override Tensor forward(Tensor x)
        {
            cached ??= arange(4, float32);
            return x.sin() + cached;
        }
    }
}
