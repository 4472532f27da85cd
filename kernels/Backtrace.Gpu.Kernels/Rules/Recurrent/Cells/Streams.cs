using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>A relevance in both streams of contrastive mode.</summary>
internal struct Streams<TLane>
    where TLane : struct, ILane<TLane>
{
    public TLane Supporting;
    public TLane Opposing;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Streams<TLane> Of(TLane supporting, TLane opposing) => new() { Supporting = supporting, Opposing = opposing };

    /// <summary>The relevance that arrives at the result of this step: from the layer above and from the next step.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Streams<TLane> Arriving(in CellPointers memory, in CellPlace place) => Of(
        Vanishing.Drop(TLane.Load(memory.Relevance + place.Result) + TLane.Load(memory.CarryH + place.State)),
        Vanishing.Drop(TLane.Load(memory.Opposing + place.Result) + TLane.Load(memory.CarryH + (memory.StatePlane + place.State))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Streams<TLane> Load(float* source, long plane) => Of(Vanishing.Drop(TLane.Load(source)), Vanishing.Drop(TLane.Load(source + plane)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe readonly void Store(float* target, long plane)
    {
        TLane.Store(target, Supporting);
        TLane.Store(target + plane, Opposing);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Streams<TLane> Times(TLane factor) => Of(Supporting * factor, Opposing * factor);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Streams<TLane> Plus(Streams<TLane> other) => Of(Supporting + other.Supporting, Opposing + other.Opposing);

    /// <summary>The relevance where both tests are 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Streams<TLane> Unserved(in Contrast.Shares<TLane> shares) => Of(
        TLane.WhereZero(shares.SupportingP + shares.SupportingN, Supporting, TLane.All(0)),
        TLane.WhereZero(shares.OpposingP + shares.OpposingN, Opposing, TLane.All(0)));
}
