using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Engine;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Tests.Runs;

/// <summary>Weights that stay on a device between calls (<see cref="BacktracerOptions.KeepWeights"/>).</summary>
internal sealed class KeptWeightsTests
{
    // No other array is as large as the first layer's weights.
    private const int Inputs = 50, Hidden = 42, Outputs = 5;

    private static IEnumerable<string> Devices => TestDevices.All.Except(["cpu"]).Append("cublas");

    // Nothing but cuBLAS multiplies bf16 there.
    private static IEnumerable<object[]> Cases =>
        from device in Devices
        from type in device == "cublas" ? [ScalarType.Float32, ScalarType.BFloat16] : new[] { ScalarType.Float32 }
        from mode in Enum.GetValues<Mode>()
        select new object[] { device, mode, type };

    [TestCaseSource(nameof(Cases))]
    public void AreCopiedOnce(string device, Mode mode, ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        ContractionPrecision precision = type == ScalarType.BFloat16 ? ContractionPrecision.BFloat16 : ContractionPrecision.Single;
        Module<Tensor, Tensor> model = Model(type);
        Tensor input = randn(16, Inputs).to(type);
        BacktracerOptions options = new() { Mode = mode, Precision = precision };
        using Backtracer anew = new(model, TestDevices.Get(device), options), keeping = new(model, TestDevices.Get(device), options with { KeepWeights = true });
        float[] expected = Relevance(anew, input);
        Assert.That(anew.Arena.LentBytes, Is.Zero);
        Assert.That(Relevance(keeping, input), Is.EqualTo(expected));
        long kept = keeping.Arena.LentBytes;
        Assert.That(kept, Is.GreaterThanOrEqualTo((Inputs * Hidden + Hidden * Outputs) * (type == ScalarType.BFloat16 ? 2 : 4)));

        int LargeArrays(Backtracer backtracer)
        {
            List<long> rented = [];
            backtracer.Arena.Renting = rented.Add;
            Assert.That(Relevance(backtracer, input), Is.EqualTo(expected));
            backtracer.Arena.Renting = null;
            return rented.Count(floats => floats is Inputs * Hidden or Inputs * Hidden / 2);
        }

        Assert.That(LargeArrays(keeping), Is.LessThan(LargeArrays(anew)));
        Assert.That(keeping.Arena.LentBytes, Is.EqualTo(kept));
    }

    [Test]
    public void RefreshLetsGoOfThem([ValueSource(nameof(Devices))] string device)
    {
        using DisposeScope scope = NewDisposeScope();
        Module<Tensor, Tensor> model = Model();
        Tensor input = randn(16, Inputs);
        using Backtracer keeping = new(model, TestDevices.Get(device), new BacktracerOptions { KeepWeights = true });
        Relevance(keeping, input);
        using (no_grad())
        {
            foreach (Tensor weight in model.parameters())
                weight.mul_(randn_like(weight));
        }

        keeping.Refresh();
        Assert.That(keeping.Arena.LentBytes, Is.Zero);
        using Backtracer anew = new(model, TestDevices.Get(device));
        Assert.That(Relevance(keeping, input), Is.EqualTo(Relevance(anew, input)));
    }

    [Test]
    public void WhereMemoryIsShortTheyAreCopiedForEachCall([ValueSource(nameof(Devices))] string device)
    {
        using DisposeScope scope = NewDisposeScope();
        Module<Tensor, Tensor> model = Model();
        Tensor input = randn(16, Inputs);
        using Backtracer keeping = new(model, TestDevices.Get(device), new BacktracerOptions { KeepWeights = true });
        float[] expected = Relevance(keeping, input);

        // In the middle of a call, when some are in use.
        int left = 9;
        keeping.Arena.Renting = _ =>
        {
            if (--left == 0)
                keeping.Arena.Exhausted!();
        };
        Assert.That(Relevance(keeping, input), Is.EqualTo(expected));
        Assert.That(left, Is.LessThanOrEqualTo(0));
        Assert.That(keeping.Arena.LentBytes, Is.Zero);
        Assert.That(Relevance(keeping, input), Is.EqualTo(expected));
        Assert.That(keeping.Arena.LentBytes, Is.Zero);
    }

    // Buffers and tensors that the forward pass computes may be others in the next call.
    [Test]
    public void OnlyParametersAreKept([ValueSource(nameof(Devices))] string device)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor weight = randn(Hidden, Inputs), input = randn(16, Inputs);
        using Buffered model = new(weight);
        using Backtracer keeping = new(model, TestDevices.Get(device), new BacktracerOptions { KeepWeights = true });
        Relevance(keeping, input);
        Assert.That(keeping.Arena.LentBytes, Is.Zero);
    }

    [Test]
    public void OnTheProcessorNothingIsCopied()
    {
        using DisposeScope scope = NewDisposeScope();
        using Backtracer keeping = new(Model(), TestDevices.Get("cpu"), new BacktracerOptions { KeepWeights = true });
        Relevance(keeping, randn(16, Inputs));
        Assert.That(keeping.Arena.LentBytes, Is.Zero);
    }

    private static Module<Tensor, Tensor> Model(ScalarType type = ScalarType.Float32)
    {
        random.manual_seed(5);
        return Sequential(("fc1", Linear(Inputs, Hidden)), ("relu", ReLU()), ("fc2", Linear(Hidden, Outputs))).to(type);
    }

    private static float[] Relevance(Backtracer backtracer, Tensor input)
    {
        using Explanation e = backtracer.Explain(input, Target.Class(1));
        return [.. e.Streams.SelectMany(stream => stream.Inputs[0].Floats())];
    }

    private sealed class Buffered : Module<Tensor, Tensor>
    {
        private readonly Tensor weight;

        public Buffered(Tensor weight) : base(nameof(Buffered))
        {
            this.weight = weight;
            RegisterComponents();
        }

        public override Tensor forward(Tensor x) => functional.linear(x, weight) + functional.linear(x, weight * 2);
    }
}
