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

    /// <summary>Type of the factors and of what libtorch makes of them.</summary>
    public ScalarType Type => precision == ContractionPrecision.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32;

    /// <summary>A factor of a product.</summary>
    public Tensor Factor(Operand operand, ReadOnlySpan<long> shape) => Read(operand, shape, Type);

    /// <summary>A bias, which stays fp32, or null if there is none.</summary>
    public Tensor? Bias(Operand operand) => operand.IsPresent ? Read(operand, [operand.Values.Length], ScalarType.Float32) : null;

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

    private Tensor Read(Operand operand, ReadOnlySpan<long> shape, ScalarType type)
    {
        if (type == ScalarType.Float32)
        {
            if (operand.Part == Part.Signed)
                return TensorViews.Wrap(operand.Values, shape);

            // One pass over the memory; copy_ and abs_ would be two.
            Block absolute = Borrow(operand.Values.Length);
            device.Run(new CopyAbsolute { Source = operand.Values, Target = absolute.View }, operand.Values.Length);
            return TensorViews.Wrap(absolute.View, shape);
        }

        Tensor rounded = Scratch(shape, type);
        rounded.copy_(TensorViews.Wrap(operand.Values, shape));
        return operand.Part == Part.Absolute ? rounded.abs_() : rounded;
    }

    private Block Borrow(long floats)
    {
        Block block = arena.Rent(floats);
        borrowed.Add(block);
        return block;
    }
}
