using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules.Contrast;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>Contrastive mode: shares of the units of X and H, from the relevance of a gate.</summary>
internal static unsafe class GateStreams
{
    /// <summary>Shares the relevance of X + H between both and writes the shares of their units.</summary>
    /// <returns>What is lost.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Streams<TLane> Write<TLane>(in CellPointers memory, in CellPlace place, long gate, Streams<TLane> relevance)
        where TLane : struct, ILane<TLane>
    {
        PairStreams<TLane> parts = PairStreams<TLane>.OfSum(Gate.X<TLane>(memory, place, gate), Gate.H<TLane>(memory, place, gate), relevance);
        return parts.Lost.Plus(ToX(memory, place, gate, parts.First)).Plus(ToH(memory, place, gate, parts.Second));
    }

    /// <summary>Writes the shares of the units of X.</summary>
    /// <returns>What is lost.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Streams<TLane> ToX<TLane>(in CellPointers memory, in CellPlace place, long gate, Streams<TLane> relevance)
        where TLane : struct, ILane<TLane>
    {
        long at = place.InputGates + gate * memory.Units;
        return Store(memory.MassX + at, memory.WidePlane, Gate.X<TLane>(memory, place, gate), memory.ToX + at, memory.WidePlane, relevance);
    }

    /// <summary>Writes the shares of the units of H.</summary>
    /// <returns>What is lost.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Streams<TLane> ToH<TLane>(in CellPointers memory, in CellPlace place, long gate, Streams<TLane> relevance)
        where TLane : struct, ILane<TLane>
    {
        long offset = gate * memory.Units;
        return Store(
            memory.MassH + (place.Gates + offset), memory.WidePlane, Gate.H<TLane>(memory, place, gate), memory.ToH + (place.StepGates + offset), memory.StepPlane, relevance);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Streams<TLane> Store<TLane>(float* masses, long massPlane, TLane value, float* target, long plane, Streams<TLane> relevance)
        where TLane : struct, ILane<TLane>
    {
        Shares<TLane> shares = Shares<TLane>.Of(TLane.Load(masses), TLane.Load(masses + massPlane), value, relevance.Supporting, relevance.Opposing);
        TLane half = TLane.All(0.5f);
        TLane.Store(target, half * (shares.SupportingP + shares.SupportingN));
        TLane.Store(target + plane, half * (shares.OpposingP + shares.OpposingN));
        TLane.Store(target + (2 * plane), half * (shares.SupportingP - shares.SupportingN));
        TLane.Store(target + (3 * plane), half * (shares.OpposingP - shares.OpposingN));
        return relevance.Unserved(shares);
    }
}
