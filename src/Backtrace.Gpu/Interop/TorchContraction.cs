using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Interop;

/// <summary>
/// Contractions by libtorch (MKL, oneDNN) on the memory of a CPU device. Products of bf16 numbers are rounded to bf16 once, sums are fp32.
/// libtorch may choose another blocking for another batch size: a sample's result may differ from that of the sample alone in the last bits.
/// Do not use it while a model is recorded on the same thread: its operators would be recorded too.
/// </summary>
internal sealed class TorchContraction(Device device, Arena arena, ContractionPrecision precision = ContractionPrecision.Single) : IContraction
{
    /// <inheritdoc/>
    public void Linear<TEpilogue>(in LinearShape shape, Operand x, Operand w, Operand bias, ArrayView<float> y, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        if (y.Length == 0)
            return;
        using (TorchOperands operands = new(device, arena, shape.IsExact ? ContractionPrecision.Single : precision))
        {
            Tensor right = operands.Factor(w, [shape.Outputs, shape.Inputs]).t();
            Multiply(operands, operands.Factor(x, [shape.Rows, shape.Inputs]), right, operands.Bias(bias), TensorViews.Wrap(y, [shape.Rows, shape.Outputs]));
        }

        Finish(epilogue, y);
    }

    /// <inheritdoc/>
    public void LinearTransposed<TEpilogue>(in LinearShape shape, Operand y, Operand w, ArrayView<float> x, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        if (x.Length == 0)
            return;
        using (TorchOperands operands = new(device, arena, precision))
        {
            Tensor right = operands.Factor(w, [shape.Outputs, shape.Inputs]);
            Multiply(operands, operands.Factor(y, [shape.Rows, shape.Outputs]), right, null, TensorViews.Wrap(x, [shape.Rows, shape.Inputs]));
        }

        Finish(epilogue, x);
    }

    /// <inheritdoc/>
    public void Convolution<TEpilogue>(in ConvolutionShape shape, Operand x, Operand w, Operand bias, ArrayView<float> y, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        if (y.Length == 0)
            return;
        TorchGeometry geometry = new(shape);
        using (TorchOperands operands = new(device, arena, shape.IsExact ? ContractionPrecision.Single : precision))
        {
            Tensor source = operands.Factor(x, geometry.InputTensor);
            Tensor weight = operands.Factor(w, geometry.WeightTensor);
            long[] padding = geometry.Padding;
            if (!geometry.IsSymmetric)
            {
                Tensor covered = operands.Scratch(geometry.CoveredTensor, operands.Type);
                covered.zero_();
                CoveredPart(covered, geometry).copy_(InputPart(source, geometry));
                (source, padding) = (covered, geometry.None);
            }

            Tensor? offset = operands.Bias(bias);
            Tensor? inside = operands.Type == ScalarType.Float32 ? offset : null;
            Tensor result = geometry.IsThreeDimensional
                ? conv3d(source, weight, inside, geometry.Stride, padding, geometry.Dilation, shape.Groups)
                : conv2d(source, weight, inside, geometry.Stride, padding, geometry.Dilation, shape.Groups);
            Store(result, inside is null ? offset : null, TensorViews.Wrap(y, geometry.OutputTensor));
        }

        Finish(epilogue, y);
    }

    /// <inheritdoc/>
    public void ConvolutionTransposed<TEpilogue>(in ConvolutionShape shape, Operand y, Operand w, Operand bias, ArrayView<float> x, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        if (x.Length == 0)
            return;
        TorchGeometry geometry = new(shape);
        using (TorchOperands operands = new(device, arena, shape.IsExact ? ContractionPrecision.Single : precision))
        {
            Tensor source = operands.Factor(y, geometry.OutputTensor);
            Tensor weight = operands.Factor(w, geometry.WeightTensor);
            Tensor target = TensorViews.Wrap(x, geometry.InputTensor);
            Tensor? offset = operands.Bias(bias);
            if (geometry.IsSymmetric)
            {
                Store(Transpose(source, weight, geometry, geometry.Padding, geometry.OutputPadding, shape.Groups), offset, target);
            }
            else
            {
                Tensor covered = Transpose(source, weight, geometry, geometry.None, geometry.None, shape.Groups);
                target.zero_();
                InputPart(target, geometry).copy_(CoveredPart(covered, geometry));
                if (offset is not null)
                    target.add_(PerChannel(offset, target));
            }
        }

        Finish(epilogue, x);
    }

    /// <inheritdoc/>
    public void Products<TEpilogue>(in ProductShape shape, Operand a, Operand b, ArrayView<float> c, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise
    {
        if (shape.IsEmpty)
            return;
        using (TorchOperands operands = new(device, arena, shape.IsExact ? ContractionPrecision.Single : precision))
        {
            Tensor left = Matrices(operands.Factor(a, [a.Values.Length]), shape.Batch, shape.Rows, shape.Depth, shape.StrideA, shape.TransposedA);
            Tensor right = Matrices(operands.Factor(b, [b.Values.Length]), shape.Batch, shape.Depth, shape.Columns, shape.StrideB, shape.TransposedB);
            Tensor target = Matrices(TensorViews.Wrap(c, [c.Length]), shape.Batch, shape.Rows, shape.Columns, shape.StrideC, isTransposed: false);
            Tensor product = bmm(left, right);
            if (shape.Accumulates)
                target.add_(product);
            else
                target.copy_(product);
        }

        Finish(epilogue, c);
    }

    private static Tensor Matrices(Tensor values, int batch, int rows, int columns, long stride, bool isTransposed) =>
        values.as_strided([batch, rows, columns], isTransposed ? [stride, 1, rows] : [stride, columns, 1]);

    private static void Multiply(TorchOperands operands, Tensor left, Tensor right, Tensor? bias, Tensor target)
    {
        if (operands.Type == ScalarType.Float32)
        {
            if (bias is not null)
                target.copy_(bias);
            target.addmm_(left, right, beta: bias is null ? 0 : 1, alpha: 1);
            return;
        }

        // libtorch multiplies bf16 into bf16 only.
        Tensor product = operands.Scratch(target.shape, operands.Type);
        product.addmm_(left, right, beta: 0, alpha: 1);
        target.copy_(product);
        if (bias is not null)
            target.add_(bias);
    }

    private static Tensor Transpose(Tensor source, Tensor weight, TorchGeometry geometry, long[] padding, long[] outputPadding, int groups) =>
        geometry.IsThreeDimensional
            ? conv_transpose3d(source, weight, null, geometry.Stride, padding, outputPadding, geometry.Dilation, groups)
            : conv_transpose2d(source, weight, null, geometry.Stride, padding, outputPadding, geometry.Dilation, groups);

    private static void Store(Tensor result, Tensor? bias, Tensor target)
    {
        target.copy_(result);
        if (bias is not null)
            target.add_(PerChannel(bias, target));
    }

    private static Tensor PerChannel(Tensor bias, Tensor target)
    {
        long[] shape = [.. target.shape.Select(_ => 1L)];
        shape[1] = bias.shape[0];
        return bias.view(shape);
    }

    private static Tensor InputPart(Tensor input, TorchGeometry geometry)
    {
        for (int a = 0; a < geometry.Input.Length; a++)
            input = input.narrow(TorchGeometry.TensorAxis(a), 0, geometry.Overlap(a));
        return input;
    }

    private static Tensor CoveredPart(Tensor covered, TorchGeometry geometry)
    {
        // Where the kernel does not reach the input at all, the empty part still needs a start within the tensor.
        for (int a = 0; a < geometry.Input.Length; a++)
            covered = covered.narrow(TorchGeometry.TensorAxis(a), Math.Min(geometry.Padding[a], geometry.Covered[a]), geometry.Overlap(a));
        return covered;
    }

    private void Finish<TEpilogue>(TEpilogue epilogue, ArrayView<float> values)
        where TEpilogue : struct, IElementwise
    {
        if (typeof(TEpilogue) != typeof(NoEpilogue))
            device.Run(epilogue, values.Length);
    }
}
