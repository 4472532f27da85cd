using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>r = f·|x|·r: the last step for an operand that gets a part f of every share.</summary>
public unsafe struct PartByAbsolute : IElementwise
{
    /// <summary>Activations.</summary>
    public ArrayView<float> Activation;

    /// <summary>Scaled in place.</summary>
    public ArrayView<float> Values;

    /// <summary>The part.</summary>
    public float Factor;

    /// <inheritdoc/>
    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        float* x = Activation.Pointer();
        float* values = Values.Pointer();
        for (long i = share.Begin; i < share.End; i += share.Step)
            TLane.Store(values + i, TLane.All(Factor) * TLane.Abs(TLane.Load(x + i)) * TLane.Load(values + i));
    }
}
