using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// The masses p = (S + (y − b)) / 2 and n = (S − (y − b)) / 2 of the units of a dense layer, from S in the memory of <see cref="P"/>.
/// </summary>
internal unsafe struct LinearMasses : IElementwise
{
    public ArrayView<float> Value;
    public ArrayView<float> Bias;

    /// <summary>Entries after which the bias begins again, a multiple of the widest lane; 0 without bias.</summary>
    public long Period;
    public ArrayView<float> P;
    public ArrayView<float> N;

    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        float* value = Value.Pointer();
        float* bias = Bias.Pointer();
        float* positive = P.Pointer();
        float* negative = N.Pointer();
        TLane half = TLane.All(0.5f);
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            TLane whole = TLane.Load(positive + i);
            TLane difference = Period == 0 ? TLane.Load(value + i) : TLane.Load(value + i) - TLane.Load(bias + i % Period);
            TLane.Store(positive + i, half * (whole + difference));
            TLane.Store(negative + i, half * (whole - difference));
        }
    }
}
