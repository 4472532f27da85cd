using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Runs;

/// <summary>
/// The CPU's contractions by whoever is faster at a shape (docs/performance.md, "Which library"). The choice never depends on measurements
/// at run time, so that the same input gives the same bits, nor on the batch where it would make samples depend on their neighbours.
/// </summary>
internal sealed class HybridContraction(Device device, Arena arena, ContractionPrecision precision) : IContraction, IDisposable
{
    private readonly CpuContraction managed = new(device.Workers, precision);
    private readonly TorchContraction torch = new(device, arena, precision);
    private readonly bool fastBf16 = precision == ContractionPrecision.BFloat16 && ProcessorBf16.IsFast;

    public void Linear<TEpilogue>(in LinearShape shape, Operand x, Operand w, Operand bias, ArrayView<float> y, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        if (PrefersTorch(shape))
            torch.Linear(shape, x, w, bias, y, epilogue);
        else
            managed.Linear(shape, x, w, bias, y, epilogue);
    }

    public void LinearTransposed<TEpilogue>(in LinearShape shape, Operand y, Operand w, ArrayView<float> x, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        if (PrefersTorch(shape))
            torch.LinearTransposed(shape, y, w, x, epilogue);
        else
            managed.LinearTransposed(shape, y, w, x, epilogue);
    }

    public void Convolution<TEpilogue>(in ConvolutionShape shape, Operand x, Operand w, Operand bias, ArrayView<float> y, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        if (PrefersTorch(shape))
            torch.Convolution(shape, x, w, bias, y, epilogue);
        else
            managed.Convolution(shape, x, w, bias, y, epilogue);
    }

    public void ConvolutionTransposed<TEpilogue>(in ConvolutionShape shape, Operand y, Operand w, Operand bias, ArrayView<float> x, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        if (PrefersTorch(shape))
            torch.ConvolutionTransposed(shape, y, w, bias, x, epilogue);
        else
            managed.ConvolutionTransposed(shape, y, w, bias, x, epilogue);
    }

    public void Dispose() => managed.Dispose();

    // TO BE MEASURED
    private bool PrefersTorch(in LinearShape shape) => fastBf16 && shape.Rows >= 16 && (long)shape.Inputs * shape.Outputs >= 1 << 16;

    private bool PrefersTorch(in ConvolutionShape shape) =>
        fastBf16 && (long)shape.OutChannels * (shape.InChannels / shape.Groups) * shape.Kernel.Volume * shape.Output.Volume >= 1 << 20;
}
