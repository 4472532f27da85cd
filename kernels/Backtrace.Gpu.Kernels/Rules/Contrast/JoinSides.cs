using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>r = max(x, 0)·u + max(−x, 0)·v: what positive and negative entries get. Signed: r = |x|·u + x·v. Adds: that is added to r.</summary>
internal unsafe struct JoinSides : IElementwise
{
    public ArrayView<float> X;

    /// <summary>Sign of x as a contribution: −1 for what is subtracted.</summary>
    public float Factor;
    public ArrayView<float> U;
    public ArrayView<float> V;
    public int Signed;
    public int Adds;
    public ArrayView<float> Target;

    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        float* values = X.Pointer();
        float* first = U.Pointer();
        float* second = V.Pointer();
        float* target = Target.Pointer();
        TLane factor = TLane.All(Factor), zero = TLane.All(0);
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            TLane x = factor * TLane.Load(values + i);
            TLane u = TLane.Load(first + i), v = TLane.Load(second + i);
            TLane before = Adds != 0 ? TLane.Load(target + i) : zero;
            TLane.Store(target + i, before + (Signed != 0 ? TLane.Abs(x) * u + x * v : TLane.Max(x, zero) * u + TLane.Max(zero - x, zero) * v));
        }
    }
}
