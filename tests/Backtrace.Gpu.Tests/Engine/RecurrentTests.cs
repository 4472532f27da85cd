using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Kernels.Rules.Recurrent;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using TorchSharp;
using static Backtrace.Gpu.Tests.Engine.Explaining;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Recurrent modules as users call them.</summary>
public sealed class RecurrentTests
{
    [Test]
    public void SeveralTargetsAddUp([Values] RecurrentCell cell) => ForRandom(8, random =>
    {
        (Recurrence layers, Tensor x) = Draw(random, cell);
        using Backtracer backtracer = new(null, i => [layers.RunToRows(i[0])]);
        int length = (int)layers.RunToRows(x).numel();
        float[] a = Start(length, 1), b = Start(length, 2);
        IReadOnlyList<Explanation> e = backtracer.Explain([x], [Target.Custom(a), Target.Custom(b), Target.Custom([.. a.Zip(b, (p, q) => p + 3 * q)])]);
        AssertSame(e[2].Input, e[0].Input + 3 * e[1].Input, 1e-5);
        foreach (Explanation explanation in e)
            explanation.Dispose();
    });

    [Test]
    public void SamplesDoNotInfluenceEachOther([Values] RecurrentCell cell, [Values] Mode mode) => ForRandom(5, random =>
    {
        (Recurrence layers, Tensor x) = Draw(random, cell);
        int length = (int)layers.RunToRows(x)[0].numel();
        Tensor[] together = Explained(mode, layers.RunToRows, x, Start(length, 1), Start(length, 2));
        for (long n = 0; n < x.shape[0]; n++)
        {
            Tensor[] alone = Explained(mode, layers.RunToRows, x[TensorIndex.Slice(n, n + 1)], Start(length, 1), Start(length, 2));
            for (int stream = 0; stream < alone.Length; stream++)
                AssertSame(together[stream][n], alone[stream][0], 1e-5);
        }
    });

    // The step written out is explained by the rules of dense layers and sums, which LargeBiasTests compares with double precision.
    [Test]
    public void LargeBiasesDoNotBlurTheMasses() => ForRandom(8, random =>
    {
        Recurrence layers = new(RecurrentCell.Tanh, 5, 4);
        Tensor x = randn(3, 1, 5), start = randn(3, 4);
        Tensor Weight(string name) => layers.Module.get_parameter(name + "_l0")!;
        using (no_grad())
            Weight("bias_ih").copy_(randn(4) * 1e5f);
        Tensor WrittenOut(Tensor i) =>
            (F.linear(i[TensorIndex.Colon, 0], Weight("weight_ih"), Weight("bias_ih") + Weight("bias_hh")) + F.linear(start, Weight("weight_hh"))).tanh();
        Tensor[] actual = Explained(Mode.Contrastive, i => layers.Run(i, start.unsqueeze(0))[0].flatten(1), x, Start(12, 1), Start(12, 2));
        Tensor[] expected = Explained(Mode.Contrastive, WrittenOut, x, Start(12, 1), Start(12, 2));
        for (int stream = 0; stream < 2; stream++)
            AssertSame(actual[stream], expected[stream], 1e-5);
    });

    // Gates follow from differences of large numbers through exponentials, step after step: only the shares are rounded.
    [Test]
    public void StatesAreExactAtAnyPrecision([Values] RecurrentCell cell)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(9);
        Recurrence layers = new(cell, 16, 32);
        Tensor x = randn(6, 20, 16) * 3;
        Tensor Relevance(ContractionPrecision precision)
        {
            BacktracerOptions options = new() { Precision = precision, ContractionLibrary = ContractionLibrary.Managed };
            Explanation e = Explaining.Explain(i => layers.Run(i)[0].sum([1]), x, Target.Custom(Start(6 * 32, 3)), options);
            return e.Input;
        }

        AssertSame(Relevance(ContractionPrecision.BFloat16), Relevance(ContractionPrecision.Single), 2e-3);
    }

    [Test]
    public void DirectionsAreLayersOfTheirOwn([Values] RecurrentCell cell, [Values] Mode mode) => ForRandom(4, random =>
    {
        Recurrence both = new(cell, 3, 4, isBidirectional: true), forwards = new(cell, 3, 4), backwards = new(cell, 3, 4);
        forwards.TakeFrom(both, "");
        backwards.TakeFrom(both, "_reverse");
        Tensor x = randn(2, 4, 3);
        Tensor[] actual = Explained(mode, i => both.Run(i)[0], x, Start(64, 1), Start(64, 2));
        Tensor[] expected = Explained(mode, i => cat([forwards.Run(i)[0], backwards.Run(i.flip(1))[0].flip(1)], 2), x, Start(64, 1), Start(64, 2));
        for (int stream = 0; stream < actual.Length; stream++)
            AssertSame(actual[stream], expected[stream], 1e-5);
    });

    [Test]
    public void TimeMayComeFirst([Values] RecurrentCell cell, [Values] Mode mode) => ForRandom(4, random =>
    {
        Recurrence batchFirst = new(cell, 3, 4, 2, true), timeFirst = new(cell, 3, 4, 2, true, batchFirst: false);
        timeFirst.TakeFrom(batchFirst, "");
        Tensor x = randn(3, 4, 3);
        int length = (int)batchFirst.RunToRows(x).numel();
        Tensor[] expected = Explained(mode, i => batchFirst.RunToRows(i), x, Start(length, 1), Start(length, 2));
        Tensor[] actual = Explained(mode, i => timeFirst.RunToRows(i.transpose(0, 1)), x, Start(length, 1), Start(length, 2));
        for (int stream = 0; stream < actual.Length; stream++)
            AssertSame(actual[stream], expected[stream], 1e-5);
    });

    [Test]
    public void PackedSequencesAreTheirSamples([Values] Mode mode, [Values] bool isBidirectional) => ForRandom(4, random =>
    {
        long[] lengths = [.. Enumerable.Range(0, 4).Select(_ => (long)random.Next(1, 6))];
        long steps = lengths.Max();
        Recurrence layers = new(RecurrentCell.Lstm, 3, 4, 2, isBidirectional);
        Tensor x = randn(4, steps, 3);
        Tensor Packed(Tensor i)
        {
            using var packed = nn.utils.rnn.pack_padded_sequence(i, tensor(lengths), batch_first: true, enforce_sorted: false);
            (var result, Tensor h, _) = ((TorchSharp.Modules.LSTM)layers.Module).call(packed);
            using (result)
            {
                (Tensor padded, _) = nn.utils.rnn.pad_packed_sequence(result, batch_first: true);
                return cat([padded.flatten(1), h.transpose(0, 1).flatten(1)], 1);
            }
        }

        Tensor Alone(Tensor i)
        {
            Tensor[] results = layers.Run(i);
            return cat([F.pad(results[0], (0, 0, 0, steps - i.shape[1])).flatten(1), results[1].transpose(0, 1).flatten(1)], 1);
        }

        int length = (int)Packed(x)[0].numel();
        Tensor[] actual = Explained(mode, Packed, x, Start(length, 1), Start(length, 2));
        for (int n = 0; n < lengths.Length; n++)
        {
            Tensor[] alone = Explained(mode, Alone, x[TensorIndex.Slice(n, n + 1), TensorIndex.Slice(0, lengths[n])], Start(length, 1), Start(length, 2));
            for (int stream = 0; stream < alone.Length; stream++)
            {
                AssertSame(actual[stream][n][TensorIndex.Slice(0, lengths[n])], alone[stream][0], 1e-5);
                Assert.That(actual[stream][n][TensorIndex.Slice(lengths[n])].Floats(), Has.All.Zero, "padding");
            }
        }
    });

    [Test]
    public void APlainCellIsASumOfDenseLayers([Values] Mode mode)
    {
        using var scope = NewDisposeScope();
        torch.manual_seed(3);
        Recurrence layer = new(RecurrentCell.Relu, 3, 4);
        Tensor x = randn(2, 4, 3);
        Tensor Weight(string name) => layer.Module.get_parameter(name)!;
        Tensor Written(Tensor i)
        {
            // Without a state, the first step is its input alone.
            Tensor bias = Weight("bias_ih_l0") + Weight("bias_hh_l0");
            Tensor h = F.linear(i.select(1, 0), Weight("weight_ih_l0"), bias).relu();
            for (int t = 1; t < 4; t++)
                h = (F.linear(i.select(1, t), Weight("weight_ih_l0"), bias) + F.linear(h, Weight("weight_hh_l0"))).relu();
            return h;
        }

        Tensor[] actual = Explained(mode, i => layer.Run(i)[1][0], x, Start(8, 1), Start(8, 2)), expected = Explained(mode, Written, x, Start(8, 1), Start(8, 2));
        for (int stream = 0; stream < actual.Length; stream++)
            AssertSame(actual[stream], expected[stream], 1e-5);
    }

    [Test]
    public void CellsAreLayersOfOneStep([Values] Mode mode)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        torch.manual_seed(4);
        Recurrence layer = new(RecurrentCell.Lstm, 3, 4);
        using TorchSharp.Modules.LSTMCell cell = nn.LSTMCell(3, 4);
        foreach ((string name, TorchSharp.Modules.Parameter parameter) in cell.named_parameters())
            parameter.copy_(layer.Module.get_parameter(name + "_l0")!);
        Tensor x = randn(2, 3), h = randn(2, 4), c = randn(2, 4);
        Tensor OfCell(Tensor i)
        {
            (Tensor hidden, Tensor state) = cell.call(i, (h, c));
            return cat([hidden, state], 1);
        }

        Tensor OfLayer(Tensor i)
        {
            Tensor[] results = layer.Run(i.unsqueeze(1), h.unsqueeze(0), c.unsqueeze(0));
            return cat([results[0].select(1, 0), results[2][0]], 1);
        }

        Tensor[] actual = Explained(mode, OfCell, x, Start(16, 1), Start(16, 2)), expected = Explained(mode, OfLayer, x, Start(16, 1), Start(16, 2));
        for (int stream = 0; stream < actual.Length; stream++)
            AssertSame(actual[stream], expected[stream], 1e-6);
    }

    [Test]
    public void ConstantStatesReportWhatExplainedOnesGet([Values] RecurrentCell cell)
    {
        using var scope = NewDisposeScope();
        torch.manual_seed(6);
        Recurrence layers = new(cell, 3, 4, 2, true);
        Tensor x = randn(3, 2, 3);
        Tensor[] states = [.. Enumerable.Range(0, cell == RecurrentCell.Lstm ? 2 : 1).Select(_ => randn(4, 3, 4))];
        Target target = Seed(layers.RunToRows(x, states));
        using Backtracer constant = new(null, i => [layers.RunToRows(i[0], states)]), explained = new(null, i => [layers.RunToRows(i[0], [.. i.Skip(1)])]);
        using Explanation one = constant.Explain([x], target), other = explained.Explain([x, .. states], target);
        AssertConserved(one);
        Assert.That(other.Ledger.Constants[0], Is.Zero);
        Assert.That(one.Ledger.Constants[0], Is.EqualTo(other.Inputs.Skip(1).Sum(s => s.sum().ToSingle())).Within(1e-4));
        Assert.That(one.Ledger.Constants[0], Is.GreaterThan(0.1));
        AssertSame(one.Input, other.Inputs[0]);
    }

    [Test]
    public void LedgersOfSamplesClose([Values] RecurrentCell cell)
    {
        using var scope = NewDisposeScope();
        torch.manual_seed(7);
        Recurrence layers = new(cell, 3, 4, 2, true);
        Tensor x = randn(3, 5, 3);
        using Explanation e = Explain(i => layers.Run(i)[0], x, Seed(layers.Run(x)[0]), new BacktracerOptions { LedgerPerSample = true });
        AssertConserved(e);
        Assert.That(e.Ledger.Bias, Has.All.GreaterThan(0));
    }

    [Test]
    public void DropoutInTrainingIsRefused()
    {
        using var scope = NewDisposeScope();
        using TorchSharp.Modules.LSTM lstm = nn.LSTM(3, 4, 2, dropout: 0.5);
        Assert.That(
            () => Explain(i => lstm.call(i).Item1, randn(2, 2, 3), Target.Custom(Start(16, 1))),
            Throws.TypeOf<UnsupportedLayerException>().With.Message.Contains("dropout between its layers"));
    }

    private static (Recurrence Layers, Tensor X) Draw(Random random, RecurrentCell cell) =>
        (new Recurrence(cell, 3, random.Next(1, 12), random.Next(1, 3), random.Next(2) == 0), randn(random.Next(1, 4), random.Next(1, 5), 3));

    // The same start relevance for every sample.
    private static Tensor[] Explained(Mode mode, Func<Tensor, Tensor> forward, Tensor x, float[] supporting, float[] opposing)
    {
        using Backtracer backtracer = new(null, i => [forward(i[0])], options: new BacktracerOptions { Mode = mode });
        using Explanation e = backtracer.Explain(x, Target.Custom(supporting, opposing));
        return [.. e.Streams.Select(s => s.Inputs[0].clone())];
    }

    private static Tensor[] Explained(Mode mode, Func<Tensor, Tensor[], Tensor> forward, Tensor x, float[] supporting, float[] opposing) =>
        Explained(mode, i => forward(i, []), x, supporting, opposing);

    private static float[] Start(int length, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, length).Select(_ => random.NextSingle())];
    }

    private static void ForRandom(int count, Action<Random> check) =>
        Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue - 1)), seed =>
        {
            using var scope = NewDisposeScope();
            torch.manual_seed(seed);
            check(new Random(seed));
        }).Check(Seeded.Cases(count));
}
