using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Writing into a part of a tensor, through views of it, is explained as joining the parts is.</summary>
public sealed class PartialWriteTests
{
    private static readonly Tensor Input = Wide(12, 6), Hidden = Wide(12, 12), Last = Wide(4, 12), Bias = Wide(12);

    private static readonly (string Name, Func<Tensor, Tensor> Writing, Func<Tensor, Tensor> Joining)[] Pairs =
    [
        ("loop that fills zeros", x => Loop(x, writes: true), x => Loop(x, writes: false)),
        ("loop over the second axis", x => LoopOfBatch(x, writes: true), x => LoopOfBatch(x, writes: false)),
        ("loop that reads what it wrote", x => Chained(x, writes: true), x => Chained(x, writes: false)),
        ("column", Write(y => y.select(1, 0).copy_(Tail(y, 1))), Join(y => cat([Tail(y, 1).unsqueeze(1), y.narrow(1, 1, 11)], 1))),
        ("column by an index", Write(y => y[TensorIndex.Ellipsis, 0] = Tail(y, 1)), Join(y => cat([Tail(y, 1).unsqueeze(1), y.narrow(1, 1, 11)], 1))),
        ("slice of an addition", Write(y => y[TensorIndex.Ellipsis, TensorIndex.Slice(2, 5)] += y.narrow(1, 7, 3)), Join(y => cat([y.narrow(1, 0, 2), y.narrow(1, 2, 3) + y.narrow(1, 7, 3), y.narrow(1, 5, 7)], 1))),
        ("addition to a slice", Write(y => y.narrow(1, 2, 3).add_(y.narrow(1, 7, 3))), Join(y => cat([y.narrow(1, 0, 2), y.narrow(1, 2, 3) + y.narrow(1, 7, 3), y.narrow(1, 5, 7)], 1))),
        ("every second entry", Write(y => y.slice(1, 1, 12, 2).mul_(y.slice(1, 0, 12, 2))), Join(y => stack([y.slice(1, 0, 12, 2), y.slice(1, 1, 12, 2) * y.slice(1, 0, 12, 2)], 2).flatten(1))),
        ("nested views", Write(y => y.view(-1, 3, 4).select(1, 1).t().narrow(0, 1, 2).relu_()), Join(y => cat([y.narrow(1, 0, 5), y.narrow(1, 5, 2).relu(), y.narrow(1, 7, 5)], 1))),
        ("diagonal", Write(y => y.view(-1, 12).diagonal().tanh_()), Join(y => y * (1 - eye(y.shape[0], 12)) + Diagonal(y))),
        ("zeros", Write(y => y.select(1, 3).zero_()), Join(y => y.index_fill(1, tensor(new[] { 3L }), 0))),
        ("a number", Write(y => y.narrow(1, 3, 2).fill_(2)), Join(y => y.index_fill(1, tensor(new[] { 3L, 4 }), 2))),
        ("a row of a constant over all", Write(y => y.narrow(1, 3, 2).copy_(ones(2))), Join(y => y.index_fill(1, tensor(new[] { 3L, 4 }), 1))),
        ("one row over all", Write(y => y.narrow(1, 3, 2).copy_(y.narrow(1, 0, 1))), Join(y => cat([y.narrow(1, 0, 3), y.narrow(1, 0, 1), y.narrow(1, 0, 1), y.narrow(1, 5, 7)], 1))),
        ("the same place twice", Write(y => { y.select(1, 0).copy_(y.select(1, 5)); y.select(1, 0).copy_(y.select(1, 7)); }), Join(y => cat([y.narrow(1, 7, 1), y.narrow(1, 1, 11)], 1))),
        ("the same place twice, on top", Write(y => { y.select(1, 0).add_(y.select(1, 5)); y.narrow(1, 0, 2).mul_(y.narrow(1, 7, 2)); }), Join(y => cat([(y.narrow(1, 0, 1) + y.narrow(1, 5, 1)) * y.narrow(1, 7, 1), y.narrow(1, 1, 1) * y.narrow(1, 8, 1), y.narrow(1, 2, 10)], 1))),
        ("one view that is written to twice", Write(y => { Tensor v = y.narrow(1, 0, 2); y.select(1, 0).relu_(); v.add_(1); v.tanh_(); }), Join(y => cat([(y.narrow(1, 0, 1).relu() + 1).tanh(), (y.narrow(1, 1, 1) + 1).tanh(), y.narrow(1, 2, 10)], 1))),
        ("another view of it", x => { Tensor y = Layer(x), v = y.view(-1, 3, 4); y.select(1, 0).copy_(y.select(1, 5)); return Head(v.flatten(1)); }, x => { Tensor y = Layer(x); return Head(cat([y.narrow(1, 5, 1), y.narrow(1, 1, 11)], 1)); }),
        ("an older view that was not touched", x => { Tensor y = Layer(x), v = y.narrow(1, 6, 6); y.narrow(1, 0, 6).zero_(); return Head(cat([v, v.tanh()], 1)); }, x => { Tensor v = Layer(x).narrow(1, 6, 6); return Head(cat([v, v.tanh()], 1)); }),
        ("all of it through a view", Write(y => y.view(-1).relu_()), Join(y => y.relu())),
        ("a transposed view", Write(y => y.t().relu_()), Join(y => y.relu())),
        ("parts of a chunk", Write(y => { foreach (Tensor part in y.chunk(3, 1)) part.tanh_(); }), Join(y => cat([.. y.chunk(3, 1).Select(part => part.tanh())], 1))),
        ("a place by index_put_", Write(y => y.view(-1, 3, 4).select(1, 1).index_put_(Tail(y, 2), [TensorIndex.Colon, TensorIndex.Tensor(tensor(new[] { 3L, 0 }))])), Join(y => cat([y.narrow(1, 0, 4), y.narrow(1, 11, 1), y.narrow(1, 5, 2), y.narrow(1, 10, 1), y.narrow(1, 8, 4)], 1))),
        ("by a mask", Write(y => y.narrow(1, 0, 6).masked_fill_(y.narrow(1, 0, 6) > 0, 3)), Join(y => where(cat([y.narrow(1, 0, 6) > 0, zeros_like(y.narrow(1, 6, 6), ScalarType.Bool)], 1), tensor(3f), y))),
        ("what an operator still needs", x => Needed(x, writes: true), x => Needed(x, writes: false)),
        ("a constant that an operator still needs", x => NeededConstant(x, writes: true), x => NeededConstant(x, writes: false)),
        ("a part of the input", x => { Tensor y = x.clone(); y.select(1, 0).mul_(2); return Head(Layer(y)); }, x => Head(Layer(cat([x.narrow(1, 0, 1) * 2, x.narrow(1, 1, 5)], 1)))),
        ("a normalisation that is written out", Write(y => { Tensor part = y.narrow(1, 0, 6); part.div_((part.pow(2).mean([1L], true) + 1e-5).sqrt()); }), Join(y => { Tensor part = y.narrow(1, 0, 6); return cat([part / (part.pow(2).mean([1L], true) + 1e-5).sqrt(), y.narrow(1, 6, 6)], 1); })),
        ("what is multiplied by its own view", Write(y => y.narrow(1, 0, 6).mul_(y.narrow(1, 0, 6))), Join(y => cat([y.narrow(1, 0, 6) * y.narrow(1, 0, 6), y.narrow(1, 6, 6)], 1))),
        ("memory that is emptied and filled again", x => { Tensor y = Layer(x), z = Layer(x).tanh(); y.view(-1).zero_(); y.narrow(1, 0, 6).copy_(z.narrow(1, 6, 6)); return Head(y); }, x => { Tensor z = Layer(x).tanh(); return Head(cat([z.narrow(1, 6, 6), zeros_like(z.narrow(1, 0, 6))], 1)); }),
    ];

    private static IEnumerable<string> Names => Pairs.Select(p => p.Name);

    [TestCaseSource(nameof(Names))]
    public void IsExplainedAsJoiningTheParts(string name) => Compare(name, Mode.Default);

    [TestCaseSource(nameof(Names))]
    public void IsExplainedAsJoiningThePartsInContrastiveMode(string name) => Compare(name, Mode.Contrastive);

    private static void Compare(string name, Mode mode)
    {
        using var scope = NewDisposeScope();
        (_, Func<Tensor, Tensor> writing, Func<Tensor, Tensor> joining) = Pairs.Single(p => p.Name == name);
        random.manual_seed(5);
        Tensor input = randn(3, 6);
        BacktracerOptions options = new() { Mode = mode };
        Target target = mode == Mode.Default ? Explaining.Seed(joining(input)) : Target.Class(1);
        using Explanation actual = Explaining.Explain(writing, input, target, options);
        using Explanation expected = Explaining.Explain(joining, input, target, options);
        Explaining.AssertSame(actual.Prediction, expected.Prediction);
        if (mode == Mode.Contrastive)
        {
            Explaining.AssertSame(actual.Positive.Input, expected.Positive.Input);
            Explaining.AssertSame(actual.Negative.Input, expected.Negative.Input);
            return;
        }

        Explaining.AssertSame(actual.Input, expected.Input);
        Explaining.AssertConserved(actual);
        Assert.That(actual.Ledger.Constants.Sum(v => (double)v), Is.EqualTo(expected.Ledger.Constants.Sum(v => (double)v)).Within(1e-5));
    }

    // Entries that only move hand relevance back as a gradient travels, also through views that overlap in any way.
    [Test]
    public void RandomWritesThroughRandomViewsMoveRelevanceAsAGradient() => Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue - 1)), seed =>
    {
        using var scope = NewDisposeScope();
        Tensor input = rand(4, 6), leaf = input.to(float64).requires_grad_();
        Tensor output = Scribble(leaf, seed), relevance = rand(output.shape);
        Tensor expected = autograd.grad([output], [leaf], [relevance.to(float64)])[0];
        using Explanation e = Explaining.Explain(x => Scribble(x, seed), input, Target.Custom(relevance.Floats()));
        Explaining.AssertSame(e.Input, expected, 1e-6, $"seed {seed}");
        Explaining.AssertConserved(e, $"seed {seed}");
    }).Check(Seeded.Cases(100));

    private static Tensor Scribble(Tensor x, int seed)
    {
        Random r = new(seed);
        List<Tensor> views = [r.Next(2) == 0 ? x * 1 : zeros_like(x).copy_(x)], read = [];
        for (int step = 0; step < 12; step++)
        {
            Tensor v = views[r.Next(views.Count)];
            int axis = r.Next((int)v.ndim), length = (int)v.shape[axis];
            switch (r.Next(7))
            {
                case 0:
                    views.Add(v.transpose(0, -1));
                    break;
                case 1 when v.ndim > 1:
                    views.Add(v.select(axis, r.Next(length)));
                    break;
                case 2:
                    views.Add(v.slice(axis, r.Next(length), length, r.Next(1, 3)));
                    break;
                case 3:
                    v.fill_(0);
                    break;
                case 4:
                    v.copy_(views[r.Next(views.Count)].flatten().narrow(0, 0, 1).clone());
                    break;
                case 5:
                    v.copy_(v.flip(axis));
                    break;
                default:
                    read.Add(v.clone().flatten());
                    break;
            }
        }

        return cat([x.flatten(), .. views.Select(v => v.flatten()), .. read]);
    }

    [Test]
    public void TheInputItselfIsWrittenTo()
    {
        using var scope = NewDisposeScope();
        Tensor input = randn(2, 6), again = input.clone();
        using Explanation actual = Explaining.Explain(
            x =>
            {
                Tensor before = Layer(x);
                x.select(1, 2).mul_(2).relu_();
                return Head(before + Layer(x));
            },
            input,
            Target.Class(1));
        using Explanation expected = Explaining.Explain(x => Head(Layer(x) + Layer(cat([x.narrow(1, 0, 2), (x.narrow(1, 2, 1) * 2).relu(), x.narrow(1, 3, 3)], 1))), again, Target.Class(1));
        Explaining.AssertSame(actual.Input, expected.Input);
    }

    [Test]
    public void WhatStaysOfAConstantIsAConstant()
    {
        using var scope = NewDisposeScope();
        using Explanation e = Explaining.Explain(
            x =>
            {
                Tensor y = ones(1, 4);
                y.narrow(1, 1, 2).copy_(x);
                return y;
            },
            tensor(new[] { 5f, -6f }).reshape(1, 2),
            Target.Custom([1, 2, 3, 4]));
        Explaining.AssertSame(e.Input.Floats(), [2, 3]);
        Assert.That(e.Ledger.Constants.Sum(), Is.EqualTo(5));
    }

    [Test]
    public void AModelMayReturnWhatItFilled()
    {
        using var scope = NewDisposeScope();
        static Tensor Filled(Tensor x)
        {
            Tensor buffer = zeros(2, 2, 4);
            buffer.select(1, 0).add_(x);
            return buffer.transpose(0, 1);
        }

        using Explanation e = Explaining.Explain(Filled, rand(2, 4) + 1, Target.Custom([.. Enumerable.Range(0, 16).Select(k => (float)k)]));
        Explaining.AssertSame(e.Input.Floats(), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    [Test]
    public void ALoopMakesOneNodeOfItsWrites()
    {
        using var scope = NewDisposeScope();
        using Explanation e = Explaining.Explain(x => LoopOfBatch(x, writes: true), randn(3, 6), Target.Class(0));
        Assert.That(e.Ledger.Lines.Count(l => l.Node.StartsWith("Overwrite")), Is.EqualTo(1));
    }

    // Each write looks at all others, without garbage: a collection there would spoil the operator's arguments.
    [Test]
    public void ALongLoopFillsATensor()
    {
        using var scope = NewDisposeScope();
        Tensor weight = randn(16, 16) / 4, input = randn(4, 400, 16);
        Tensor Forward(Tensor x, bool writes)
        {
            Tensor hidden = zeros(4, 16), outputs = empty(4, 400, 16);
            Tensor[] steps = new Tensor[400];
            for (int t = 0; t < steps.Length; t++)
            {
                steps[t] = hidden = (x.select(1, t) + F.linear(hidden, weight, null)).tanh();
                if (writes)
                    outputs[TensorIndex.Colon, t] = hidden;
            }

            return (writes ? outputs : stack(steps, 1)).mean([1L]);
        }

        using Explanation actual = Explaining.Explain(x => Forward(x, writes: true), input, Target.Class(0));
        using Explanation expected = Explaining.Explain(x => Forward(x, writes: false), input, Target.Class(0));
        Explaining.AssertSame(actual.Input, expected.Input);
    }

    private static Tensor Layer(Tensor x) => F.linear(x, Input, Bias);

    private static Tensor Head(Tensor x) => F.linear(x, Last, null);

    private static Func<Tensor, Tensor> Write(Action<Tensor> write) => x =>
    {
        Tensor y = Layer(x);
        write(y);
        return Head(y.tanh());
    };

    private static Func<Tensor, Tensor> Join(Func<Tensor, Tensor> join) => x => Head(join(Layer(x)).tanh());

    private static Tensor Tail(Tensor y, int count) => count == 1 ? y.select(1, 11) : y.narrow(1, 12 - count, count);

    private static Tensor Diagonal(Tensor y) => y.tanh() * eye(y.shape[0], 12);

    private static Tensor[] Steps(Tensor x)
    {
        Tensor hidden = zeros(3, 12);
        Tensor[] steps = new Tensor[5];
        for (int t = 0; t < steps.Length; t++)
            steps[t] = hidden = (Layer(x * (t + 1)) + F.linear(hidden, Hidden, null)).tanh();
        return steps;
    }

    private static Tensor Loop(Tensor x, bool writes)
    {
        Tensor[] steps = Steps(x);
        if (!writes)
            return Head(stack(steps).mean([0L]));
        Tensor outputs = zeros(steps.Length, 3, 12);
        for (int t = 0; t < steps.Length; t++)
            outputs[t] = steps[t];
        return Head(outputs.mean([0L]));
    }

    private static Tensor LoopOfBatch(Tensor x, bool writes)
    {
        Tensor[] steps = Steps(x);
        if (!writes)
            return Head(stack(steps, 1).mean([1L]));
        Tensor outputs = empty(3, steps.Length, 12);
        for (int t = 0; t < steps.Length; t++)
            outputs[TensorIndex.Colon, t] = steps[t];
        return Head(outputs.mean([1L]));
    }

    private static Tensor Chained(Tensor x, bool writes)
    {
        Tensor first = Layer(x).tanh();
        if (!writes)
        {
            Tensor hidden = first;
            List<Tensor> all = [first];
            for (int t = 1; t < 4; t++)
                all.Add(hidden = F.linear(hidden, Hidden, Bias).tanh() + stack([.. all]).mean([0L]));
            return Head(stack([.. all]).mean([0L]));
        }

        Tensor outputs = zeros(4, 3, 12);
        outputs[0] = first;
        for (int t = 1; t < 4; t++)
            outputs[t] = F.linear(outputs[t - 1], Hidden, Bias).tanh() + outputs.narrow(0, 0, t).mean([0L]);
        return Head(outputs.mean([0L]));
    }

    private static Tensor Needed(Tensor x, bool writes)
    {
        Tensor y = Layer(x), before = F.linear(y, Hidden, Bias);
        if (writes)
            y.narrow(1, 0, 6).zero_();
        else
            y = cat([zeros_like(y.narrow(1, 0, 6)), y.narrow(1, 6, 6)], 1);
        return Head(before.tanh() + y);
    }

    private static Tensor NeededConstant(Tensor x, bool writes)
    {
        Tensor y = Layer(x), constant = ones(3, 12) * 3, sum = y + constant;
        if (writes)
            constant.narrow(1, 0, 6).copy_(y.narrow(1, 6, 6));
        else
            constant = cat([y.narrow(1, 6, 6), constant.narrow(1, 6, 6)], 1);
        return Head(sum.tanh() * constant);
    }

    private static Tensor Wide(params long[] shape)
    {
        random.manual_seed(shape.Sum());
        return randn(shape).DetachFromDisposeScope();
    }
}
