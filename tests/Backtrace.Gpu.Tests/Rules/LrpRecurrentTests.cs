using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Kernels.Rules.Lrp;
using Backtrace.Gpu.Kernels.Rules.Recurrent;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Engine;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>The epsilon rule of recurrent cells against autograd through cells whose gates are constants and whose activations pass y/z.</summary>
public sealed class LrpRecurrentTests
{
    private static readonly BacktracerOptions Options = new() { Rules = RuleSet.LrpEpsilon(0) };

    private static IEnumerable<string> Devices => TestDevices.All;

    [Test]
    public void AgreesWithCellsOfConstantGates([Values] RecurrentCell cell, [ValueSource(nameof(Devices))] string device)
    {
        using var scope = NewDisposeScope();
        (Recurrence module, Tensor x) = Create(cell);
        Tensor last = module.Run(x)[1].squeeze(0).detach();
        using Explanation e = Explaining.Explain(t => module.Run(t)[1].squeeze(0), x, Target.Custom(last.Floats()), Options, device);
        Tensor input = x.clone().requires_grad_();
        Tensor h = Replayed(module, cell, input, gatesAreConstant: true);
        Assert.That(Deviation.Of(h.Floats(), last.Floats()), Is.LessThan(1e-5), "the reference computes the same states");
        Tensor expected = (autograd.grad([h.sum()], [input])[0] * input).detach();
        Explaining.AssertSame(e.Input, expected, 5e-4);
    }

    // The negative twin: with gradients through gates, the reference must disagree where there are gates.
    [Test]
    public void DisagreesWithCellsWhoseGatesGetRelevance([Values(RecurrentCell.Lstm, RecurrentCell.Gru)] RecurrentCell cell)
    {
        using var scope = NewDisposeScope();
        (Recurrence module, Tensor x) = Create(cell);
        Tensor last = module.Run(x)[1].squeeze(0).detach();
        using Explanation e = Explaining.Explain(t => module.Run(t)[1].squeeze(0), x, Target.Custom(last.Floats()), Options);
        Tensor input = x.clone().requires_grad_();
        Tensor other = (autograd.grad([Replayed(module, cell, input, gatesAreConstant: false).sum()], [input])[0] * input).detach();
        Assert.That(Deviation.Of(e.Input.Floats(), other.Floats()), Is.GreaterThan(0.02));
    }

    [Test]
    public void LayersAndDirectionsKeepTheAccount([Values] RecurrentCell cell, [Values(1, 2)] int layers, [Values] bool isBidirectional, [ValueSource(nameof(Devices))] string device)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(11);
        Recurrence module = new(cell, 5, 9, layers, isBidirectional);
        Tensor x = randn(3, 4, 5);
        using Explanation e = Explaining.Explain(
            t => module.RunToRows(t), x, Explaining.Seed(module.RunToRows(x)), new BacktracerOptions { Rules = RuleSet.LrpEpsilon(1e-3f) }, device);
        double start = e.Ledger.Start[0], size = e.Ledger.Lines.Max(line => line.Magnitude);
        double end = (double)e.Ledger.Input[0] + e.Ledger.Bias[0] + e.Ledger.Dropped[0] + e.Ledger.Constants[0];
        Assert.That(end, Is.EqualTo(start).Within(1e-5 * Math.Max(size, Math.Abs(start))));
        Assert.That(e.Ledger.Bias[0], Is.Not.Zero);
    }

    private static (Recurrence Module, Tensor X) Create(RecurrentCell cell)
    {
        random.manual_seed(5);
        return (new Recurrence(cell, 4, 6), randn(2, 5, 4));
    }

    private static Tensor Replayed(Recurrence module, RecurrentCell cell, Tensor x, bool gatesAreConstant)
    {
        Dictionary<string, Tensor> weights = module.Module.named_parameters().ToDictionary(p => p.name, p => p.parameter.detach());
        Tensor h = zeros(x.shape[0], 6), c = zeros(x.shape[0], 6);
        Tensor Gate(Tensor z) => gatesAreConstant ? z.sigmoid().detach() : z.sigmoid();
        for (long step = 0; step < x.shape[1]; step++)
        {
            Tensor[] ofX = (x.select(1, step).matmul(weights["weight_ih_l0"].t()) + weights["bias_ih_l0"]).split(6, 1);
            Tensor[] ofH = (h.matmul(weights["weight_hh_l0"].t()) + weights["bias_hh_l0"]).split(6, 1);
            Tensor Sum(int gate) => ofX[gate] + ofH[gate];
            switch (cell)
            {
                case RecurrentCell.Lstm:
                    c = Gate(Sum(1)) * c + Gate(Sum(0)) * Passing(Sum(2), z => z.tanh());
                    h = Gate(Sum(3)) * Passing(c, z => z.tanh());
                    break;
                case RecurrentCell.Gru:
                    Tensor n = Passing(ofX[2] + Gate(Sum(0)) * ofH[2], z => z.tanh()), z = Gate(Sum(1));
                    h = (1 - z) * n + z * h;
                    break;
                default:
                    h = Passing(Sum(0), z => cell == RecurrentCell.Tanh ? z.tanh() : z.relu());
                    break;
            }
        }

        return h;
    }

    // An activation that hands relevance on unchanged: z times the constant y/z.
    private static Tensor Passing(Tensor z, Func<Tensor, Tensor> activation) => z * (activation(z) / z).detach();
}
