using Backtrace.Gpu.Targets;
using NUnit.Framework;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>A backtracer that several threads get hold of: nobody meets memory that another one uses or has released.</summary>
public sealed class SharedUseTests : IDisposable
{
    private readonly Linear layer = Linear(4, 3);
    private readonly Tensor input = rand(2, 4);
    private readonly ManualResetEventSlim inside = new(), leave = new();

    public void Dispose()
    {
        layer.Dispose();
        input.Dispose();
        inside.Dispose();
        leave.Dispose();
    }

    [SetUp]
    public void Close()
    {
        inside.Reset();
        leave.Reset();
    }

    [Test]
    public async Task ASecondCallIsRefusedWhileOneRuns()
    {
        using Backtracer backtracer = new(layer, Waiting);
        Task<Explanation> running = Task.Run(() => backtracer.Explain(input, Target.Argmax()));
        inside.Wait();
        Assert.That(() => backtracer.Explain(input, Target.Argmax()), Throws.InvalidOperationException.With.Message.Contains("give each thread its own"));
        Assert.That(() => backtracer.Record([input]), Throws.InvalidOperationException);
        Assert.That(backtracer.Refresh, Throws.InvalidOperationException);
        leave.Set();
        (await running).Dispose();
        backtracer.Explain(input, Target.Argmax()).Dispose();
    }

    [Test]
    public async Task ACallThatRunsWhileItIsDisposedIsFinished()
    {
        Backtracer backtracer = new(layer, Waiting);
        Task<Explanation> running = Task.Run(() => backtracer.Explain(input, Target.Argmax()));
        inside.Wait();
        backtracer.Dispose();
        Assert.That(() => backtracer.Explain(input, Target.Argmax()), Throws.InstanceOf<ObjectDisposedException>());
        leave.Set();
        using Explanation explanation = await running;
        Assert.That(explanation.Ledger.Start[0], Is.EqualTo(2));
    }

    [Test]
    public void TheEndWaitsForWhoeverIsInsideAndComesOnce()
    {
        int ends = 0;
        Turnstile turnstile = new("door", () => ends++);
        Turnstile.Visit visit = turnstile.Enter();
        turnstile.End();
        turnstile.End();
        Assert.That(ends, Is.Zero);
        visit.Dispose();
        turnstile.End();
        Assert.That(ends, Is.EqualTo(1));
        Assert.That(() => turnstile.Enter(), Throws.InstanceOf<ObjectDisposedException>());
    }

    [Test]
    public void ADisposedBacktracerDoesNothing()
    {
        Backtracer backtracer = new(layer);
        backtracer.Dispose();
        backtracer.Dispose();
        Assert.That(() => backtracer.Explain(input, Target.Argmax()), Throws.InstanceOf<ObjectDisposedException>());
        Assert.That(() => backtracer.Record([input]), Throws.InstanceOf<ObjectDisposedException>());
        Assert.That(backtracer.Refresh, Throws.InstanceOf<ObjectDisposedException>());
    }

    [Test]
    public void NullIsNamed()
    {
        using Backtracer backtracer = new(layer);
        Assert.That(() => backtracer.Explain(input, null!), Throws.ArgumentNullException);
        Assert.That(() => backtracer.Explain((IReadOnlyList<Tensor>)null!, Target.Argmax()), Throws.ArgumentNullException);
        Assert.That(() => backtracer.Record(null!), Throws.ArgumentNullException);
        Assert.That(() => new Backtracer(layer, (Func<IReadOnlyList<Tensor>, IReadOnlyList<Tensor>>)null!), Throws.ArgumentNullException);
    }

    // The first call waits, so that a second one that is let in is a failure and no deadlock.
    private Tensor[] Waiting(IReadOnlyList<Tensor> inputs)
    {
        if (!inside.IsSet)
        {
            inside.Set();
            leave.Wait();
        }

        return [layer.call(inputs[0])];
    }
}
