using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using TorchSharp;
using static TorchSharp.torch;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Interop;

/// <summary>
/// The operands of one contraction as tensors: the memory itself where it can be used as it is, else |x| or bf16 values in memory that is
/// borrowed until the contraction is done. Nothing is kept, so no second copy of a model's weights ever exists.
/// </summary>
internal readonly struct TorchOperands(Device device, Arena arena, ContractionPrecision precision) : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly List<Block> borrowed = [];

    private readonly bool isRounded = precision == ContractionPrecision.BFloat16;

    /// <summary>Type of the factors and of what libtorch makes of them: fp32 that was rounded to bf16 where the processor has no bf16, or oneDNN may not use it.</summary>
    public ScalarType Type => isRounded && ProcessorBf16.IsFast && OneDnn.IsEnabled ? ScalarType.BFloat16 : ScalarType.Float32;

    /// <summary>A factor of a product.</summary>
    public Tensor Factor(Operand operand, ReadOnlySpan<long> shape) => isRounded ? Rounded(operand, shape) : Read(operand, shape);

    /// <summary>A bias, which stays fp32, or null if there is none.</summary>
    public Tensor? Bias(Operand operand) => operand.IsPresent ? Read(operand, [operand.Values.Length]) : null;

    /// <summary>Borrowed memory, contents undefined.</summary>
    public Tensor Scratch(ReadOnlySpan<long> shape, ScalarType type)
    {
        long length = DeviceTensor.Count(shape);
        return TensorViews.Wrap(Borrow(type == ScalarType.BFloat16 ? (length + 1) / 2 : length).View, shape, type);
    }

    public void Dispose()
    {
        scope.Dispose();
        foreach (Block block in borrowed)
            block.Release();
    }

    private Tensor Read(Operand operand, ReadOnlySpan<long> shape)
    {
        if (operand.Part == Part.Signed)
            return TensorViews.Wrap(operand.Values, shape);

        // One pass over the memory; copy_ and abs_ would be two.
        Block part = Borrow(operand.Values.Length);
        CopyPart(operand, part);
        return TensorViews.Wrap(part.View, shape);
    }

    private Tensor Rounded(Operand operand, ReadOnlySpan<long> shape)
    {
        Tensor rounded = Scratch(shape, ScalarType.BFloat16);
        rounded.copy_(Read(operand, shape));
        return Type == ScalarType.BFloat16 ? rounded : Scratch(shape, Type).copy_(rounded);
    }

    private void CopyPart(Operand operand, Block target)
    {
        if (operand.Part == Part.Absolute)
            device.Run(new CopyAbsolute { Source = operand.Values, Target = target.View }, operand.Values.Length);
        else
            device.Run(new CopySide { Source = operand.Values, Target = target.View, Sign = operand.Part == Part.Positive ? 1 : -1 }, operand.Values.Length);
    }

    private Block Borrow(long floats)
    {
        Block block = arena.Rent(floats);
        borrowed.Add(block);
        return block;
    }
}
