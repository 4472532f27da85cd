using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using NUnit.Framework;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Device = Backtrace.Gpu.Kernels.Execution.Device;
using Identity = Backtrace.Gpu.Kernels.Rules.Identity;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>One device that backtracers on several threads compute on.</summary>
public sealed class SharedDeviceTests
{
    private sealed class Hearing(Action heard) : StreamwiseRule<Identity>
    {
        protected override void Apply(RuleContext context, Identity operation)
        {
            heard();
            context.Pass(0);
        }
    }

    [Test]
    public void ARunWaitsUntilTheOtherOneHasLeft()
    {
        using Device device = Device.SimulatedGpu(4);
        using ReLU model = nn.ReLU();
        using Tensor input = ones(2, 4);
        bool hasLeft = false, ranAfter = false;
        BacktracerOptions options = new() { Rules = RuleSet.Backtrace.With("relu", new Hearing(() => ranAfter = Volatile.Read(ref hasLeft))) };
        using Backtracer backtracer = new(model, device, options);
        Thread other = new(() => backtracer.Explain(input, Target.Argmax()).Dispose());
        using (device.TakeTurn())
        {
            other.Start();
            SpinWait.SpinUntil(() => !other.IsAlive || other.ThreadState.HasFlag(ThreadState.WaitSleepJoin));
            Volatile.Write(ref hasLeft, true);
        }

        other.Join();
        Assert.That(ranAfter);
    }

    [Test]
    public void RunsOfSeveralThreadsAreThoseOfOne([Values("simulated", "cpu")] string kind)
    {
        using Device device = kind == "cpu" ? Device.Cpu() : Device.SimulatedGpu(4);
        using Sequential model = nn.Sequential(("first", nn.Linear(6, 8)), ("relu", nn.ReLU()), ("last", nn.Linear(8, 3)));
        using Tensor input = rand(4, 6);
        using Backtracer one = new(model, device);
        using Explanation expected = one.Explain(input, Target.Argmax());
        float[] relevance = expected.Input.Floats();
        Parallel.For(0, 3, _ =>
        {
            using Backtracer backtracer = new(model, device);
            for (int k = 0; k < 5; k++)
            {
                using Explanation explanation = backtracer.Explain(input, Target.Argmax());
                Assert.That(explanation.Input.Floats(), Is.EqualTo(relevance));
            }
        });
    }

    // A rule may explain something else on the same device: the turn is the thread's.
    [Test]
    public void ARunInsideOfARunDoesNotWait()
    {
        using Device device = Device.SimulatedGpu(4);
        using ReLU model = nn.ReLU();
        using Tensor input = ones(2, 4);
        using Backtracer inner = new(model, device);
        int heard = 0;
        BacktracerOptions options = new()
        {
            Rules = RuleSet.Backtrace.With("relu", new Hearing(() =>
            {
                heard++;
                inner.Explain(input, Target.Argmax()).Dispose();
            })),
        };
        using Backtracer outer = new(model, device, options);
        outer.Explain(input, Target.Argmax()).Dispose();
        Assert.That(heard, Is.EqualTo(1));
    }

    [Test]
    public void ADisposedDeviceIsNamed([Values("simulated", "cpu")] string kind)
    {
        Device device = kind == "cpu" ? Device.Cpu() : Device.SimulatedGpu(4);
        using ReLU model = nn.ReLU();
        using Tensor input = ones(2, 4);
        using Backtracer backtracer = new(model, device);
        device.Dispose();
        device.Dispose();
        Assert.That(() => backtracer.Explain(input, Target.Argmax()), Throws.TypeOf<ObjectDisposedException>().With.Message.Contains("Dispose the Backtracer first"));
        Assert.That(() => new Backtracer(model, device), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(backtracer.Arena.LentBytes, Is.Zero);
    }
}
