using System.Runtime.InteropServices;
using Backtrace.Gpu.Interop;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Interop;

/// <summary>What is reported of operators, and that a collection before an operator has read its numbers does not go unnoticed.</summary>
public sealed class OperatorTapTests
{
    [Test]
    public void ArgumentsAreReadAfterTheOperatorReturned()
    {
        using Tensor x = ones(2, 3), y = zeros(2, 3);
        Recorder heard = new(collects: false);
        using Tensor joined = OperatorTap.Listen(heard, () => cat([x, y.add(x, 5)], 1));
        Assert.That(heard.Seen, Is.EqualTo(new[] { "3 arguments, the last 5", "2 arguments, the last 1, 2 in the list" }));
    }

    [Test]
    public void ACollectionBeforeAnOperatorIsNoticed()
    {
        using Tensor x = ones(2, 3);
        Assert.That(() => OperatorTap.Listen(new Recorder(collects: true), () => x.add(x, 5)), Throws.TypeOf<OperatorTap.DisturbedException>());
    }

    [Test]
    public void ListeningGoesOnAfterADisturbance()
    {
        using Tensor x = ones(2, 3);
        Assert.That(() => OperatorTap.Listen(new Recorder(collects: true), () => x.add(x, 5)), Throws.Exception);
        Recorder heard = new(collects: false);
        using Tensor sum = OperatorTap.Listen(heard, () => x.add(x, 5));
        Assert.That(heard.Seen, Has.Count.EqualTo(1));
    }

    // TorchSharp's numbers may be freed while libtorch reads them, which then says that it does not know their type.
    [Test]
    public void AfterACollectionAnErrorOfLibtorchGetsAnotherChance()
    {
        using Tensor pair = ones(2);
        int calls = 0;
        using Tensor view = OperatorTap.Undisturbed(() =>
        {
            if (++calls == 1)
                GC.Collect();
            return pair.reshape(calls == 1 ? 3 : 2);
        });
        Assert.That(calls, Is.EqualTo(2));
    }

    [Test]
    public void ErrorsThatStayAreThrown()
    {
        using Tensor pair = ones(2);
        int calls = 0;
        Assert.That(
            () => OperatorTap.Undisturbed(() =>
            {
                calls++;
                GC.Collect();
                return pair.reshape(3);
            }),
            Throws.InstanceOf<ExternalException>().With.Message.Contains("shape '[3]'"));
        Assert.That(calls, Is.LessThan(10));
        calls = 0;
        Assert.That(
            () => OperatorTap.Undisturbed<int>(() =>
            {
                calls++;
                GC.Collect();
                throw new InvalidModelException("not libtorch's");
            }),
            Throws.TypeOf<InvalidModelException>());
        Assert.That(calls, Is.EqualTo(1));
    }

    private sealed class Recorder(bool collects) : OperatorTap.IListener
    {
        public List<string> Seen { get; } = [];

        public bool Before(nint name, nint overload, nint arguments, int count)
        {
            if (collects)
                GC.Collect();
            return true;
        }

        public void Enter(nint name, nint overload, nint arguments, int count)
        {
            IValue first = new(arguments), last = new(arguments + (count - 1) * IValue.Size);
            string list = first.IsList && new IValue(first.ListStart).IsTensor ? $", {first.ListCount} in the list" : "";
            Seen.Add($"{count} arguments, the last {last.Int}{list}");
        }

        public void Leave(nint results, int count)
        {
        }
    }
}
