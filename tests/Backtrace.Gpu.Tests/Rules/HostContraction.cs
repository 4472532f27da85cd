using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Tests.Contraction;
using ILGPU;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>The reference contractions as a backend for any device.</summary>
internal sealed unsafe class HostContraction(Device device) : IContraction
{
    public void Linear<TEpilogue>(in LinearShape shape, Operand x, Operand w, Operand bias, ArrayView<float> y, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise =>
        Write(ReferenceContraction.Linear(shape, Read(x)!, Read(w)!, Read(bias)), y, epilogue);

    public void LinearTransposed<TEpilogue>(in LinearShape shape, Operand y, Operand w, ArrayView<float> x, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise =>
        Write(ReferenceContraction.LinearTransposed(shape, Read(y)!, Read(w)!), x, epilogue);

    public void Convolution<TEpilogue>(in ConvolutionShape shape, Operand x, Operand w, Operand bias, ArrayView<float> y, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise =>
        Write(ReferenceContraction.Convolution(shape, Read(x)!, Read(w)!, Read(bias)), y, epilogue);

    public void ConvolutionTransposed<TEpilogue>(in ConvolutionShape shape, Operand y, Operand w, Operand bias, ArrayView<float> x, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise =>
        Write(ReferenceContraction.ConvolutionTransposed(shape, Read(y)!, Read(w)!, Read(bias)), x, epilogue);

    public void Products<TEpilogue>(in ProductShape shape, Operand a, Operand b, ArrayView<float> c, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise =>
        Write(ReferenceContraction.Products(shape, Read(a)!, Read(b)!, Read(Operand.Of(c))!), c, epilogue);

    private double[]? Read(Operand operand)
    {
        if (!operand.IsPresent)
            return null;
        float[] values = new float[operand.Values.Length];
        fixed (float* target = values)
            device.Download(operand.Values, target, values.Length);
        return [.. values.Select(v => (double)ReferenceContraction.Of(operand.Part, v))];
    }

    private void Write<TEpilogue>(double[] values, ArrayView<float> result, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        float[] rounded = [.. values.Select(v => (float)v)];
        fixed (float* source = rounded)
            device.Upload(source, result, rounded.Length);
        device.Run(epilogue, rounded.Length);
    }
}
