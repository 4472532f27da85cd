using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Contraction;
using Backtrace.Gpu.Tests.Golden;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Tests.Runs;

/// <summary>Explanations whose dense products cuBLAS computes, by a double of it on an emulated GPU.</summary>
internal sealed class CuBlasRunTests
{
    // Even and odd numbers of weights; no other array is as large as the first.
    private const int Rows = 24, Inputs = 50, Hidden = 43, Outputs = 17;

    [Test]
    public void GoldenModelsMatchTheReference([Values("bert_pair", "llama_pair")] string model, [Values] Mode mode)
    {
        int before = CuBlasDouble.Shared.Products;
        new GoldenTests().MatchesTheReference(Fixtures.Path("models", model + ".safetensors"), mode, "cublas");
        Assert.That(CuBlasDouble.Shared.Products, Is.GreaterThan(before + 32), "more than the check of the library itself");
    }

    [Test]
    public void RoundedOperandsGiveNearlyTheSameRelevance([Values] Mode mode, [Values] bool roundedWeights)
    {
        ScalarType type = roundedWeights ? ScalarType.BFloat16 : ScalarType.Float32;
        random.manual_seed(3);
        using var scope = NewDisposeScope();
        Module<Tensor, Tensor> model = Sequential(("fc1", Linear(Inputs, Hidden)), ("relu", ReLU()), ("fc2", Linear(Hidden, Outputs))).to(type);
        Tensor input = randn(Rows, Inputs).to(type);
        Target[] targets = [Target.Argmax(), Target.Class(2)];
        using Backtracer exact = new(model, options: new BacktracerOptions { Mode = mode });
        using Backtracer rounded = new(model, TestDevices.Get("cublas"), new BacktracerOptions { Mode = mode, Precision = ContractionPrecision.BFloat16 });
        List<long> rented = [];
        rounded.Arena.Renting = rented.Add;
        int before = CuBlasDouble.Shared.RoundedProducts;
        IReadOnlyList<Explanation> expected = exact.Explain([input], targets), actual = rounded.Explain([input], targets);
        Assert.That(CuBlasDouble.Shared.RoundedProducts, Is.GreaterThan(before));
        foreach ((Explanation a, Explanation e) in actual.Zip(expected))
        {
            foreach ((RelevanceStream given, RelevanceStream wanted) in a.Streams.Zip(e.Streams))
            {
                float[] values = [.. given.Inputs[0].data<float>()], reference = [.. wanted.Inputs[0].data<float>()];

                // Summed up: in contrastive mode a unit that is nearly tied may take the other branch.
                double difference = values.Zip(reference, (v, r) => Math.Abs((double)v - r)).Sum() / reference.Sum(r => Math.Abs((double)r));
                Assert.That(difference, Is.LessThan(2e-2).And.GreaterThan(1e-6));
            }

            a.Dispose();
            e.Dispose();
        }

        if (mode == Mode.Default)
        {
            // One upload per visit, and magnitudes for one denominator and a transposed product per target.
            Assert.That(rented.Count(floats => floats == Inputs * Hidden), Is.EqualTo(roundedWeights ? 0 : 1), "bf16 weights need no fp32 copy");
            Assert.That(rented.Count(floats => floats == Inputs * Hidden / 2), Is.EqualTo(roundedWeights ? 4 : 3));
        }

        Assert.That(rounded.Arena.LentBytes, Is.Zero);
    }
}
