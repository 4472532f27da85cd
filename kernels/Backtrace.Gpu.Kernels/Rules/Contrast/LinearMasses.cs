using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>The <see cref="HalfMasses{TLane}"/> of the units of a dense layer, from S in the memory of <see cref="P"/>.</summary>
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
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            TLane b = Period == 0 ? TLane.All(0) : TLane.Load(bias + i % Period);
            HalfMasses<TLane> masses = HalfMasses<TLane>.Of(TLane.Load(positive + i), TLane.Load(value + i) - b, b);
            TLane.Store(positive + i, masses.P);
            TLane.Store(negative + i, masses.N);
        }
    }
}
