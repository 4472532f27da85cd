using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>Reads a gate.</summary>
internal static unsafe class Gate
{
    /// <summary>W x + b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane X<TLane>(in CellPointers memory, in CellPlace place, long gate)
        where TLane : struct, ILane<TLane> =>
        TLane.Load(memory.X + (place.InputGates + gate * memory.Units));

    /// <summary>W h.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane H<TLane>(in CellPointers memory, in CellPlace place, long gate)
        where TLane : struct, ILane<TLane> =>
        TLane.Load(memory.H + (place.Gates + gate * memory.Units));

    /// <summary>Both.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane Sum<TLane>(in CellPointers memory, in CellPlace place, long gate)
        where TLane : struct, ILane<TLane> =>
        X<TLane>(memory, place, gate) + H<TLane>(memory, place, gate);
}
