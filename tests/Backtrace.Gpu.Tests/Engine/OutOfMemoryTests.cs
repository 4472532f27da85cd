using System.Diagnostics;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Kernels.Rules.Recurrent;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Wherever an explanation runs out of memory, it gives back all that it had, and the next one is as if nothing had happened.</summary>
public sealed class OutOfMemoryTests
{
    private static readonly Dictionary<string, (Func<Func<Tensor, Tensor>> Model, long[] Shape)> Models = new()
    {
        ["dense"] = (Dense, [3, 6]),
        ["branches"] = (Branches, [2, 6]),
        ["convolutions"] = (Convolutions, [2, 3, 6, 6]),
        ["attention"] = (Attention, [1, 5, 8]),
        ["recurrence"] = (Recurrent, [2, 4, 3]),
    };

    private static readonly Dictionary<string, BacktracerOptions> Kinds = new()
    {
        ["default"] = new(),
        ["contrastive"] = new() { Mode = Mode.Contrastive },
        ["faithful"] = new() { Rules = RuleSet.Faithful, Mode = Mode.Contrastive, LedgerPerSample = true },
        ["libtorch, bf16"] = new() { ContractionLibrary = ContractionLibrary.Torch, Precision = ContractionPrecision.BFloat16, Mode = Mode.Contrastive },
        ["v1"] = new() { Rules = RuleSet.V1 },
    };

    // GPUs differ from the processor in what they upload and in contractions; libtorch's borrow the same for all models.
    private static IEnumerable<TestCaseData> Cases =>
        from device in TestDevices.Present
        from model in device == "cpu" ? [.. Models.Keys] : new[] { "dense", "convolutions" }
        from kind in device == "cpu" ? Kinds.Keys.Where(kind => model == "dense" || kind != "libtorch, bf16") : ["default"]
        select new TestCaseData(model, device, kind);

    [TestCaseSource(nameof(Cases))]
    public void NothingStaysLent(string model, string device, string kind)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(1);
        (Func<Func<Tensor, Tensor>> make, long[] shape) = Models[model];
        Func<Tensor, Tensor> forward = make();
        Tensor x = randn(shape);
        using Backtracer probe = new(null, t => [forward(t[0])], TestDevices.Get(device));
        string[] layers = [.. probe.Record([x]).Nodes.Select(node => node.Name)];
        using Backtracer backtracer = new(null, t => [forward(t[0])], TestDevices.Get(device), Kinds[kind] with { Layers = layers });
        float[] expected = Explain(backtracer, x);
        foreach (int failing in Rents(backtracer, x))
        {
            int rent = 0;
            backtracer.Arena.Renting = _ =>
            {
                if (rent++ == failing)
                    throw new DeviceException("Out of memory, says the test.");
            };
            long tensors = Tensor.TotalCount;
            Assert.That(() => Explain(backtracer, x), Throws.TypeOf<DeviceException>(), $"rent {failing}");
            Assert.That(Tensor.TotalCount, Is.LessThanOrEqualTo(tensors), $"tensors, after rent {failing}"); // fewer where those of other tests are collected
            Assert.That(backtracer.Arena.LentBytes, Is.Zero, $"bytes, after rent {failing}");
            backtracer.Arena.Renting = null;
            Assert.That(Explain(backtracer, x), Is.EqualTo(expected), $"after rent {failing}");
        }
    }

    [Test]
    public void AForwardPassThatWouldFillTheMemoryStops()
    {
        using Net net = new(x =>
        {
            for (int k = 0; k < 80; k++)
                x = x.relu();
            return x.mean([1L], keepdim: true);
        });
        using Tensor input = ones(1, 1 << 20);
        using Backtracer backtracer = new(net, TestDevices.Get("cpu"));
        long tensors = Tensor.TotalCount;
        try
        {
            FreeMemory.Pretended = FreeMemory.Reserve - 1;
            Assert.That(() => backtracer.Explain(input, Target.Class(0)), Throws.TypeOf<DeviceException>().With.Message.Contains("511 MiB").And.Message.Contains("smaller batches"));
            Assert.That(Tensor.TotalCount, Is.LessThanOrEqualTo(tensors));
            FreeMemory.Pretended = FreeMemory.Reserve;
            using Explanation e = backtracer.Explain(input, Target.Class(0));
            Explaining.AssertConserved(e);
        }
        finally
        {
            FreeMemory.Pretended = null;
        }
    }

    [Test]
    public void ALargeBlockThatWouldFillTheMemoryIsNotLent()
    {
        using Arena arena = new(TestDevices.Get("cpu"));
        try
        {
            FreeMemory.Pretended = FreeMemory.Reserve + (32 << 20);
            Assert.That(() => arena.Rent(16 << 20), Throws.TypeOf<DeviceException>().With.Message.Contains("64 MiB"));
            arena.Rent(1 << 20).Release();
        }
        finally
        {
            FreeMemory.Pretended = null;
        }
    }

    [Test]
    public void TheMachineHasMemoryLeft() => Assert.That(FreeMemory.Bytes(), OperatingSystem.IsLinux() ? Is.InRange(1L << 20, 1L << 50) : Is.EqualTo(long.MaxValue));

    // The first and the last rent of an explanation from each place of the code, callers included: those between run the same code for more nodes.
    private static int[] Rents(Backtracer backtracer, Tensor x)
    {
        List<string> places = [];
        backtracer.Arena.Renting = _ => places.Add(string.Join('/', new StackTrace().GetFrames().Select(frame => $"{frame.GetMethod()} {frame.GetNativeOffset()}")));
        Explain(backtracer, x);
        backtracer.Arena.Renting = null;
        Assert.That(places, Has.Count.GreaterThan(5));
        return [.. places.Index().GroupBy(place => place.Item, place => place.Index).SelectMany(of => new[] { of.First(), of.Last() }.Distinct()).Order()];
    }

    // Two targets, all layers.
    private static float[] Explain(Backtracer backtracer, Tensor x)
    {
        IReadOnlyList<Explanation> explanations = backtracer.Explain([x], [Target.Class(1), Target.Class(0)]);
        float[] all = [.. explanations.SelectMany(e => e.Streams).SelectMany(s => s.Inputs.Concat(s.Layers.OrderBy(l => l.Key).Select(l => l.Value))).SelectMany(t => t.Floats())];
        foreach (Explanation explanation in explanations)
            explanation.Dispose();
        return all;
    }

    private static Func<Tensor, Tensor> Dense()
    {
        Tensor first = randn(9, 6), bias = randn(9), second = randn(300, 9);
        return x => F.linear(F.linear(x, first, bias).tanh(), second);
    }

    // Relevance that passes through unchanged and is kept is memory of several: summing it needs memory of its own.
    private static Func<Tensor, Tensor> Branches()
    {
        Tensor weight = randn(6, 6);
        return x =>
        {
            Tensor y = F.linear(x, weight), sum = y.relu() + y.sigmoid() + y.view(-1, 6);
            return cat([sum, sum.tanh()], 1);
        };
    }

    private static Func<Tensor, Tensor> Convolutions()
    {
        Tensor first = randn(10, 3, 3, 3), bias = randn(10), byChannel = randn(10, 1, 3, 3), mean = randn(10), variance = rand(10) + 0.5, up = randn(10, 3, 2, 2), head = randn(3, 3);
        return x =>
        {
            Tensor y = F.conv2d(x, first, bias, padding: [1, 1]).relu();
            y = F.batch_norm(F.conv2d(y, byChannel, null, padding: [1, 1], groups: 10), mean, variance);
            y = F.conv_transpose2d(F.max_pool2d(y, [2, 2]), up, null, [2, 2]) + F.interpolate(F.avg_pool2d(x, [3, 3]), [6, 6]);
            return F.linear(y.mean([2, 3]), head);
        };
    }

    private static Func<Tensor, Tensor> Attention()
    {
        Tensor[] weights = [.. Enumerable.Range(0, 6).Select(_ => randn(8, 8))];
        return x =>
        {
            Tensor[] heads = [.. weights.Select(w => F.linear(x, w).view(1, 5, 2, 4).transpose(1, 2))];
            Tensor fused = F.scaled_dot_product_attention(heads[0], heads[1], heads[2]), written = heads[3].matmul(heads[4].transpose(2, 3)).softmax(-1).matmul(heads[5]);
            return F.layer_norm((fused + written).transpose(1, 2).reshape(1, 5, 8) + x, [8]).select(1, 0);
        };
    }

    private static Func<Tensor, Tensor> Recurrent()
    {
        Recurrence cell = new(RecurrentCell.Lstm, 3, 5, layers: 2, isBidirectional: true);
        return x => cell.RunToRows(x);
    }
}
