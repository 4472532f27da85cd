namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>Sizes of y[Rows, Outputs] = x[Rows, Inputs] · w[Outputs, Inputs]ᵀ.</summary>
public readonly record struct LinearShape(int Rows, int Inputs, int Outputs)
{
    /// <summary>Whether operands stay fp32 at any precision: sums of terms of both signs that an exponential follows.</summary>
    public bool IsExact { get; init; }
}

/// <summary>Three spatial sizes; 1-d and 2-d layers have leading axes of size 1.</summary>
public readonly record struct Size3(int D, int H, int W)
{
    /// <summary>Product of the sizes.</summary>
    public int Volume => D * H * W;
}

/// <summary>
/// Sizes of a convolution y[Batch, OutChannels, Output] = x[Batch, InChannels, Input] ∗ w[OutChannels, InChannels/Groups, Kernel].
/// Output position q reads input position q·Stride + r·Dilation − Padding for each tap r; positions outside the input are zero.
/// Padding counts the begin side; the end side follows from Output, so asymmetric padding needs no more.
/// </summary>
public readonly record struct ConvolutionShape(
    int Batch,
    int InChannels,
    int OutChannels,
    int Groups,
    Size3 Input,
    Size3 Output,
    Size3 Kernel,
    Size3 Stride,
    Size3 Padding,
    Size3 Dilation)
{
    // A part of kernels' arguments, which must not hold booleans.
    private readonly int exact;

    /// <summary>Whether operands stay fp32 at any precision: sums of terms of both signs from which masses are found.</summary>
    public bool IsExact
    {
        get => exact != 0;
        init => exact = value ? 1 : 0;
    }
}
