using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Engine;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Transformers;

/// <summary>TorchSharp's own transformer modules, unmodified, whose forward pass libtorch writes out as products, masks and softmax.</summary>
public sealed class TransformerModuleTests
{
    [Test]
    public void MultiheadAttentionIsExplained([Values] Mode mode, [Values] bool masked)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(1);
        var module = nn.MultiheadAttention(12, 3);
        module.eval();
        Tensor x = randn(7, 2, 12), causal = ones(7, 7).triu(1) * -1e9;
        Tensor Forward(Tensor t) => module.call(t, t, t, null, false, masked ? causal : null).Item1;
        Check(Forward, x, mode, e => Assert.That(e.Streams[0].Ledger.Lines.Count(l => l.Operator == "MatMul"), Is.EqualTo(2)));
    }

    [Test]
    public void TokensThatAMaskHidesGetNothing([Values] Mode mode)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(2);
        var module = nn.MultiheadAttention(12, 3);
        module.eval();
        Tensor x = randn(7, 2, 12), causal = zeros(7, 7).masked_fill(ones(7, 7).triu(1) == 1, double.NegativeInfinity);
        Tensor first = zeros(7, 2, 12);
        first[2] = 1;
        using Backtracer backtracer = new(module, t => [module.call(t[0], t[0], t[0], null, false, causal).Item1], options: new BacktracerOptions { Mode = mode });
        using Explanation e = backtracer.Explain(x, mode == Mode.Default ? Target.Custom(first.Floats()) : Target.Custom(first.Floats(), (first / 2).Floats()));
        foreach (RelevanceStream stream in e.Streams)
        {
            Assert.That(stream.Input.narrow(0, 3, 4).Floats(), Has.All.Zero);
            Assert.That(stream.Input.narrow(0, 0, 3).Floats(), Has.Some.Positive);
        }
    }

    [Test]
    public void AMaskMayBeABufferOfTheModel([Values] Mode mode)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(5);
        CausalAttention module = new(6, 9);
        Tensor x = randn(2, 5, 6), mask = zeros(5, 5).masked_fill(ones(5, 5).triu(1) == 1, double.NegativeInfinity);
        BacktracerOptions options = new() { Mode = mode };
        using Explanation actual = Explaining.Explain(module, x, Target.Class(1), options);
        using Explanation expected = Explaining.Explain(t => module.Attend(t, mask), x, Target.Class(1), options);
        foreach ((RelevanceStream stream, RelevanceStream same) in actual.Streams.Zip(expected.Streams))
        {
            Explaining.AssertSame(stream.Input, same.Input);
            Assert.That(stream.Input.abs().max().item<float>(), Is.Positive);
        }
    }

    [Test]
    public void EncoderIsExplained([Values] Mode mode)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(3);
        var encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(12, 3, 20, 0.1, nn.Activations.GELU), 2);
        encoder.eval();
        Tensor hidden = zeros(2, 6).to_type(ScalarType.Bool);
        hidden[1, 5] = true;
        Check(t => encoder.call(t, null!, hidden), randn(6, 2, 12), mode);
    }

    [Test]
    public void DecoderIsExplainedWithItsMemory([Values] Mode mode)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(4);
        var decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(12, 3, 20, 0.1), 1);
        decoder.eval();
        Tensor x = randn(4, 2, 12), memory = randn(5, 2, 12);
        Target target = Seeds(decoder.call(x, memory, null!), mode);
        using Backtracer backtracer = new(decoder, t => [decoder.call(t[0], t[1], null!)], options: new BacktracerOptions { Mode = mode });
        using Explanation e = backtracer.Explain([x, memory], target);
        foreach (RelevanceStream stream in e.Streams)
        {
            foreach (Tensor relevance in stream.Inputs)
                Assert.That(relevance.sum().item<float>(), Is.GreaterThan(0.01 * stream.Ledger.Start.Sum()));
            AssertClosed(stream);
        }
    }

    private static void Check(Func<Tensor, Tensor> forward, Tensor x, Mode mode, Action<Explanation>? more = null)
    {
        using Explanation e = Explaining.Explain(forward, x, Seeds(forward(x), mode), new BacktracerOptions { Mode = mode });
        foreach (RelevanceStream stream in e.Streams)
        {
            Assert.That(stream.Input.Floats(), Has.All.GreaterThanOrEqualTo(0));
            AssertClosed(stream);
        }

        more?.Invoke(e);
    }

    private static void AssertClosed(RelevanceStream stream)
    {
        double start = stream.Ledger.Start.Sum();
        double end = stream.Inputs.Sum(i => (double)i.sum().item<float>()) + stream.Ledger.Bias.Sum() + stream.Ledger.Dropped.Sum() + stream.Ledger.Constants.Sum();
        Assert.That(end, Is.EqualTo(start).Within(1e-5 * start));
    }

    private static Target Seeds(Tensor output, Mode mode)
    {
        float[] supporting = rand_like(output).Floats();
        return mode == Mode.Default ? Target.Custom(supporting) : Target.Custom(supporting, rand_like(output).Floats());
    }

    private sealed class CausalAttention : nn.Module<Tensor, Tensor>
    {
        private readonly TorchSharp.Modules.Linear query, key, value;
        private readonly Tensor mask;

        public CausalAttention(int width, int length) : base(nameof(CausalAttention))
        {
            (query, key, value) = (nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, 3));
            mask = full(length, length, float.NegativeInfinity).triu(1);
            register_buffer("mask", mask);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input)
        {
            long length = input.shape[1];
            return Attend(input, mask.narrow(0, 0, length).narrow(1, 0, length));
        }

        public Tensor Attend(Tensor input, Tensor hidden)
        {
            Tensor scores = matmul(query.call(input), key.call(input).transpose(1, 2)) / Math.Sqrt(input.shape[2]) + hidden;
            return matmul(scores.softmax(-1), value.call(input)).mean([1]);
        }
    }
}
