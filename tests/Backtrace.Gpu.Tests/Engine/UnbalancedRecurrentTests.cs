using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Kernels.Rules.Contrast;
using Backtrace.Gpu.Kernels.Rules.Recurrent;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Rules;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Pair = Backtrace.Gpu.Tests.Rules.RecurrentReference.Pair;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>
/// Recurrent layers in contrastive mode whose units have nearly all of their mass on one sign. The small mass is a difference of large sums in the form of
/// wide dense layers, so such units are shared term by term.
/// </summary>
public sealed class UnbalancedRecurrentTests
{
    private const int Batch = 2, Steps = 4, Inputs = 10, Units = 6;

    [Test]
    public void UnitsWithASmallMassAreSharedTermByTerm([Values] RecurrentCell cell, [Values(1, 2, 3)] int seed)
    {
        using var scope = NewDisposeScope();
        Random random = new(seed);
        Recurrence layer = new(cell, Inputs, Units);
        SetWeights(layer, cell, random);
        Tensor x = Positive(random, Batch, Steps, Inputs);
        Tensor[] states = [.. Enumerable.Range(0, cell == RecurrentCell.Lstm ? 2 : 1).Select(_ => Positive(random, 1, Batch, Units))];
        float[] supporting = Draw(random, Batch * Steps * Units), opposing = Draw(random, Batch * Steps * Units);
        using Backtracer backtracer = new(null, i => [layer.Run(i[0], [.. i.Skip(1)])[0]], options: new BacktracerOptions { Mode = Mode.Contrastive });
        using Explanation e = backtracer.Explain([x, .. states], Target.Custom(supporting, opposing));

        Pair[][] expected = [new Pair[Batch * Steps * Inputs], new Pair[Batch * Units], new Pair[Batch * Units]];
        for (int n = 0; n < Batch; n++)
        {
            RecurrentReference reference = Reference(layer, cell);
            Pair[][] start = [.. Enumerable.Range(n * Steps, Steps).Select(t => Enumerable.Range(t * Units, Units).Select(k => new Pair(supporting[k], opposing[k])).ToArray())];
            double[] h = Row(states[0][0, n]), c = cell == RecurrentCell.Lstm ? Row(states[1][0, n]) : new double[Units];
            (Pair[][] toX, Pair[] toH, Pair[] toC) = reference.Explain([.. Enumerable.Range(0, Steps).Select(t => Row(x[n, t]))], h, c, start);
            toX.SelectMany(row => row).ToArray().CopyTo(expected[0], n * Steps * Inputs);
            toH.CopyTo(expected[1], n * Units);
            toC.CopyTo(expected[2], n * Units);
            foreach (List<double> balances in new[] { reference.Balances.Input, reference.Balances.State })
            {
                Assert.That(balances, Has.Count.EqualTo(layer.Module.get_parameter("weight_ih_l0")!.shape[0] * Steps), "every unit has both signs");
                Assert.That(balances, Has.All.LessThan(0.1 * UnbalancedUnits.Balanced), "and very little of one");
            }
        }

        for (int stream = 0; stream < 2; stream++)
        {
            double Of(Pair pair) => stream == 0 ? pair.Supporting : pair.Opposing;
            for (int k = 0; k < e.Streams[stream].Inputs.Count; k++)
                Assert.That(Deviation.Of(e.Streams[stream].Inputs[k].Floats(), [.. expected[k].Select(pair => (float)Of(pair))]), Is.LessThanOrEqualTo(1e-5), $"stream {stream}, input {k}");
            double given = (stream == 0 ? supporting : opposing).Sum(v => (double)v);
            Assert.That(expected.Sum(part => part.Sum(Of)), Is.EqualTo(given).Within(1e-9 * given), "the reference conserves");
            Assert.That(e.Streams[stream].Inputs.Sum(part => part.Floats().Sum(v => (double)v)), Is.EqualTo(given).Within(1e-5 * given));
            Assert.That(e.Streams[stream].Ledger.Dropped[0], Is.Zero.Within(1e-5 * given));
        }
    }

    // Inputs and states are positive, so the signs of contributions are those of weights: one sign per row but for two tiny ones. Rows that a state is made of are positive.
    private static void SetWeights(Recurrence layer, RecurrentCell cell, Random random)
    {
        using var quiet = no_grad();
        foreach ((string name, Parameter parameter) in layer.Module.named_parameters())
        {
            int width = parameter.shape.Length == 2 ? (int)parameter.shape[1] : 1;
            float[] values = new float[parameter.numel()];
            for (int k = 0; k < values.Length; k++)
            {
                int gate = k / width / Units;
                bool makesState = cell is RecurrentCell.Tanh or RecurrentCell.Relu || gate == 2;
                float sign = makesState || k / width % 2 == 0 ? 1 : -1;
                values[k] = parameter.shape.Length == 1
                    ? 0.02f * (random.NextSingle() - 0.5f)
                    : sign * (k % width < 2 ? -1e-5f * (1 + random.NextSingle()) : (0.5f + random.NextSingle()) / width);
            }

            parameter.copy_(tensor(values, parameter.shape));
        }
    }

    private static RecurrentReference Reference(Recurrence layer, RecurrentCell cell)
    {
        double[] ofInput = Row(Weight("bias_ih_l0")), ofState = Row(Weight("bias_hh_l0"));
        // In a GRU the reset of the last gate covers its second bias; all others belong to the input's side.
        int shared = cell == RecurrentCell.Gru ? 2 * Units : ofState.Length;
        for (int j = 0; j < shared; j++)
            (ofInput[j], ofState[j]) = (ofInput[j] + ofState[j], 0);
        return new RecurrentReference(cell, Rows(Weight("weight_ih_l0")), Rows(Weight("weight_hh_l0")), ofInput, ofState);

        Tensor Weight(string name) => layer.Module.get_parameter(name)!;
    }

    private static Tensor Positive(Random random, params long[] shape) =>
        tensor(Draw(random, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(v => v + 0.2f).ToArray(), shape);

    private static float[] Draw(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle())];

    private static double[] Row(Tensor values) => [.. values.Floats().Select(v => (double)v)];

    private static double[][] Rows(Tensor matrix) => [.. Enumerable.Range(0, (int)matrix.shape[0]).Select(j => Row(matrix[j]))];
}
