using Backtrace.Gpu.Interop;
using static TorchSharp.torch;

namespace Backtrace.Gpu;

/// <summary>Declares, inside of a forward pass, what an explanation shall not follow.</summary>
public static class Constant
{
    /// <summary>
    /// A copy that counts as a constant although it was computed from the input: as a factor it gets no relevance, as a summand it keeps its
    /// share, reported as <see cref="Runs.Ledger.Constants"/>. Outside of explanations it is a plain copy, which gradients pass.
    /// </summary>
    /// <returns>The copy, of the same shape. The caller's.</returns>
    public static Tensor Of(Tensor tensor)
    {
        using var quiet = OperatorTap.Quietly();
        return tensor.clone();
    }
}
