using System.Diagnostics;
using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>A thousand explanations leave memory as ten did.</summary>
public sealed class LeakTests
{
    [Test]
    public void AThousandExplanationsLeaveMemoryFlat()
    {
        using Sequential model = Network();
        using Tensor input = randn(2, 3, 12, 12);
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"), new BacktracerOptions { Layers = ["conv1"] });
        void Explain(int count)
        {
            for (int k = 0; k < count; k++)
                backtracer.Explain(input, k % 2 == 0 ? Target.Argmax() : Target.TopK(2)).Dispose();
        }

        Explain(500);
        State before = State.Now(backtracer);
        Explain(500);
        State after = State.Now(backtracer);
        Assert.That(after.Held, Is.EqualTo(before.Held), "memory of the device");
        Assert.That(after.Tensors, Is.EqualTo(before.Tensors), "tensors of TorchSharp");
        Assert.That(after.Managed - before.Managed, Is.LessThan(1 << 20), "managed memory");
        AssertResidentFlat(before, after, () => Explain(500), backtracer);
        Assert.That(backtracer.Arena.LentBytes, Is.Zero);
    }

    [Test]
    public void RecordingAloneLeavesNothing()
    {
        using Sequential model = Network();
        using Tensor input = randn(64, 3, 12, 12);
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        void Record(int count)
        {
            for (int k = 0; k < count; k++)
            {
                using var scope = NewDisposeScope();
                backtracer.ListLayers(input);
                using RelevanceGraph graph = backtracer.Record([input]);
                Assert.That(graph.Nodes, Has.Count.EqualTo(7));
                Assert.That(scope.DisposablesCount, Is.Zero, "tensors left to the caller");
            }
        }

        Record(20);
        State before = State.Now(backtracer);
        Record(60);
        State after = State.Now(backtracer);
        Assert.That(after.Tensors, Is.EqualTo(before.Tensors));
        Assert.That(after.Held, Is.Zero, "recording needs no relevance");
        AssertResidentFlat(before, after, () => Record(60), backtracer);
    }

    [Test]
    public void FailuresLeaveNothing()
    {
        using Sequential model = Network();
        using Tensor input = randn(64, 3, 12, 12), wrong = randn(64, 3, 11, 12);
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        void Fail(int count)
        {
            for (int k = 0; k < count; k++)
            {
                Assert.Throws<InvalidModelException>(() => backtracer.Explain(wrong, Target.Argmax()));
                Assert.Throws<TargetException>(() => backtracer.Explain([input], [Target.Argmax(), Target.Class(99)]));
            }
        }

        Fail(20);
        State before = State.Now(backtracer);
        Fail(60);
        State after = State.Now(backtracer);
        Assert.That(after.Tensors, Is.EqualTo(before.Tensors));
        AssertResidentFlat(before, after, () => Fail(60), backtracer);
        Assert.That(backtracer.Arena.LentBytes, Is.Zero);
    }

    // A leak grows every time; the compiler and the collector take memory once.
    private static void AssertResidentFlat(State before, State after, Action again, Backtracer backtracer)
    {
        long growth = after.Resident - before.Resident;
        for (int round = 0; round < 3 && growth >= 5 << 20; round++)
        {
            before = State.Now(backtracer);
            again();
            growth = State.Now(backtracer).Resident - before.Resident;
        }

        Assert.That(growth, Is.LessThan(5 << 20), "memory of the process");
    }

    private static Sequential Network() => Sequential(
        ("conv1", Conv2d(3, 4, 3, padding: 1)),
        ("relu1", ReLU(inplace: true)),
        ("pool", MaxPool2d(2)),
        ("conv2", Conv2d(4, 6, 3)),
        ("tanh", Tanh()),
        ("flatten", Flatten()),
        ("fc", Linear(6 * 4 * 4, 5)));

    private readonly record struct State(long Held, long Tensors, long Managed, long Resident)
    {
        internal static State Now(Backtracer backtracer)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            long managed = GC.GetTotalMemory(forceFullCollection: true);
            using Process process = Process.GetCurrentProcess();
            return new State(backtracer.HeldBytes, Tensor.TotalCount, managed, process.WorkingSet64);
        }
    }
}
