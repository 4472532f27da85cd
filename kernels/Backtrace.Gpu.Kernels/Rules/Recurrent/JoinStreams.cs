using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent;

/// <summary>target = |x|·u + x·v + base of both streams: the two products of a contrastive unit rule (rules.md, E.1), and what came another way.</summary>
internal unsafe struct JoinStreams : IElementwise
{
    public ArrayView<float> X;

    /// <summary>|W|ᵀα of both streams.</summary>
    public ArrayView<float> U;

    /// <summary>Wᵀβ of both streams.</summary>
    public ArrayView<float> V;

    /// <summary>Entries of one stream.</summary>
    public long Entries;
    public ArrayView<float> BaseSupporting;
    public ArrayView<float> BaseOpposing;

    /// <summary>May be the base.</summary>
    public ArrayView<float> Supporting;
    public ArrayView<float> Opposing;

    public readonly void Run<TLane>(Share share)
        where TLane : struct, ILane<TLane>
    {
        float* values = X.Pointer();
        float* u = U.Pointer();
        float* v = V.Pointer();
        float* baseSupporting = BaseSupporting.Pointer();
        float* baseOpposing = BaseOpposing.Pointer();
        float* supporting = Supporting.Pointer();
        float* opposing = Opposing.Pointer();
        for (long i = share.Begin; i < share.End; i += share.Step)
        {
            TLane x = TLane.Load(values + i), magnitude = TLane.Abs(x);
            TLane.Store(supporting + i, magnitude * TLane.Load(u + i) + x * TLane.Load(v + i) + TLane.Load(baseSupporting + i));
            TLane.Store(opposing + i, magnitude * TLane.Load(u + (Entries + i)) + x * TLane.Load(v + (Entries + i)) + TLane.Load(baseOpposing + i));
        }
    }
}
