using Backtrace.Gpu.Kernels.Contraction;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>
/// Sizes of a pooling layer: Planes (batch · channels) inputs and outputs. Window q reads positions q·Stride + r·Dilation − Padding inside
/// the input, for each tap r. Layers over fewer than three axes have leading axes of size 1 (kernel, stride, dilation 1, padding 0).
/// ceil_mode shows only in Output.
/// </summary>
public readonly record struct PoolShape(long Planes, Size3 Input, Size3 Output, Size3 Kernel, Size3 Stride, Size3 Padding, Size3 Dilation)
{
    /// <summary>Adaptive pooling: window q of a outputs over H positions is [⌊qH/a⌋, ⌈(q+1)H/a⌉).</summary>
    public static PoolShape Adaptive(long planes, Size3 input, Size3 output) => new(planes, input, output, default, default, default, default);

    /// <summary>True if the windows follow from the sizes alone.</summary>
    public bool IsAdaptive => Stride == default;

    /// <summary>True if each plane has one window that covers all of it.</summary>
    public bool IsGlobal =>
        Output.Volume == 1 && (IsAdaptive || (Dilation is { D: 1, H: 1, W: 1 } && Padding == default && Kernel.D >= Input.D && Kernel.H >= Input.H && Kernel.W >= Input.W));

    /// <summary>As <see cref="Operation.Check"/>, for both kinds of pooling.</summary>
    internal void Check(NodeShapes shapes)
    {
        shapes.HasInputs(1);
        shapes.Input(0, Planes, Input.D, Input.H, Input.W);
        shapes.Output(0, Planes, Output.D, Output.H, Output.W);
    }
}
