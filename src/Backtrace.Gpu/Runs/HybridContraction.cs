using System.Runtime.Intrinsics;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Runs;

/// <summary>
/// The CPU's contractions by whoever is faster at a shape (docs/performance.md, "Which library"). The choice depends on nothing but
/// shape, precision and the processor's vectors: the same input gives the same bits.
/// </summary>
internal sealed class HybridContraction(Device device, Arena arena, ContractionPrecision precision) : IContraction, IDisposable
{
    private readonly CpuContraction managed = new(device.Workers, precision, TorchBFloat16.Kernel);
    private readonly TorchContraction torch = new(device, arena, precision);

    // libtorch's convolutions are faster nowhere with wider vectors, nor in bf16, which costs half as much here or is fp32 with rounded operands.
    private readonly bool isManaged = Vector512.IsHardwareAccelerated || precision == ContractionPrecision.BFloat16;

    public bool ReadsBFloat16(in LinearShape shape) => managed.ReadsBFloat16(shape);

    public void Linear<TEpilogue>(in LinearShape shape, Operand x, Operand w, Operand bias, ArrayView<float> y, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise => managed.Linear(shape, x, w, bias, y, epilogue);

    public void LinearTransposed<TEpilogue>(in LinearShape shape, Operand y, Operand w, ArrayView<float> x, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise => managed.LinearTransposed(shape, y, w, x, epilogue);

    public void Convolution<TEpilogue>(in ConvolutionShape shape, Operand x, Operand w, Operand bias, ArrayView<float> y, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        if (!isManaged && IsMatrixProduct(shape, shape.InChannels))
            torch.Convolution(shape, x, w, bias, y, epilogue);
        else
            managed.Convolution(shape, x, w, bias, y, epilogue);
    }

    public void ConvolutionTransposed<TEpilogue>(in ConvolutionShape shape, Operand y, Operand w, Operand bias, ArrayView<float> x, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        if (!isManaged && IsMatrixProduct(shape, shape.OutChannels))
            torch.ConvolutionTransposed(shape, y, w, bias, x, epilogue);
        else
            managed.ConvolutionTransposed(shape, y, w, bias, x, epilogue);
    }

    // Attention's products are small and many: one per thread at a time, in cache, beats a library that cuts each of them.
    public void Products<TEpilogue>(in ProductShape shape, Operand a, Operand b, ArrayView<float> c, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise => managed.Products(shape, a, b, c, epilogue);

    public void Dispose() => managed.Dispose();

    // A quarter to a third faster where a convolution of one tap gathers many channels; slower as soon as there are more taps or few positions.
    private static bool IsMatrixProduct(in ConvolutionShape shape, int channels) =>
        shape.Kernel.Volume == 1 && shape.Groups == 1 && shape.Input == shape.Output && shape.Output.Volume >= 128
        && channels >= 512 && channels >= 4 * Math.Min(shape.InChannels, shape.OutChannels);
}
