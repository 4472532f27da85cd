using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// The dense products that relevance is made of. Each computes y, then runs <c>epilogue</c> over the entries of y (as flat
/// index), so that a backend may do so while a tile is still in cache. Results do not depend on the number of threads, and a row
/// (sample) of the result depends on no other row of the operands.
/// </summary>
public interface IContraction
{
    /// <summary>True if <see cref="Linear"/> and <see cref="LinearTransposed"/> of this shape take w as bf16 numbers (<see cref="Operand.IsBFloat16"/>).</summary>
    bool ReadsBFloat16(in LinearShape shape) => false;

    /// <summary>y[n,j] = bias[j] + Σ_i x[n,i]·w[j,i].</summary>
    void Linear<TEpilogue>(in LinearShape shape, Operand x, Operand w, Operand bias, ArrayView<float> y, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise;

    /// <summary>x[n,i] = Σ_j y[n,j]·w[j,i].</summary>
    void LinearTransposed<TEpilogue>(in LinearShape shape, Operand y, Operand w, ArrayView<float> x, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise;

    /// <summary>y = bias + x ∗ w, see <see cref="ConvolutionShape"/>.</summary>
    void Convolution<TEpilogue>(in ConvolutionShape shape, Operand x, Operand w, Operand bias, ArrayView<float> y, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise;

    /// <summary>
    /// The transpose of the linear map x → x ∗ w: x[p] = Σ of y[q]·w[r] over all (q, r) that read p. It serves the backward pass of
    /// a convolution (no bias) and the forward pass of a transposed convolution (bias of size InChannels).
    /// </summary>
    void ConvolutionTransposed<TEpilogue>(in ConvolutionShape shape, Operand y, Operand w, Operand bias, ArrayView<float> x, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise;

    /// <summary>C (+)= A·B for a batch of matrices, see <see cref="ProductShape"/>. An epilogue needs results without gaps between them.</summary>
    void Products<TEpilogue>(in ProductShape shape, Operand a, Operand b, ArrayView<float> c, TEpilogue epilogue)
        where TEpilogue : struct, IElementwise;
}
