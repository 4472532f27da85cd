using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Contraction;

public sealed class TorchContractionTests : ContractionTests
{
    private static readonly Device Device = Device.Cpu();

    [Test]
    public void Gives_back_what_it_borrows()
    {
        using Arena arena = new(Device);
        TorchContraction contraction = new(Device, arena, ContractionPrecision.BFloat16);
        using HostFloats x = new(6, i => i), w = new(15, i => -i), y = new(10);
        long tensors = TorchSharp.torch.Tensor.TotalCount;
        contraction.Linear(new LinearShape(2, 3, 5), Operand.Abs(x.View), Operand.Abs(w.View), Operand.None, y.View, default(NoEpilogue));
        Assert.That(y.ToArray(), Is.EqualTo(new float[] { 5, 14, 23, 32, 41, 14, 50, 86, 122, 158 }));
        Assert.That(arena.LentBytes, Is.Zero);
        Assert.That(arena.HeldBytes, Is.Positive);
        Assert.That(TorchSharp.torch.Tensor.TotalCount, Is.EqualTo(tensors));
    }

    private protected override IEnumerable<(IContraction Contraction, IDisposable Owner)> Create(ContractionPrecision precision)
    {
        Arena arena = new(Device);
        yield return (new TorchContraction(Device, arena, precision), arena);
    }

    // libtorch rounds bf16 results to bf16: at most 2^-9 of each entry.
    private protected override double Tolerance(ContractionPrecision precision) =>
        precision == ContractionPrecision.BFloat16 && ProcessorBf16.IsFast ? 1.0 / 256 : base.Tolerance(precision);
}
