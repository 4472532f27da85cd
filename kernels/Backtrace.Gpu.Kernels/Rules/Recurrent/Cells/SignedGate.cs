using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>The epsilon rule: what the parts X and H of a gate get per relevance and contribution.</summary>
internal static unsafe class SignedGate
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write<TLane>(in CellPointers memory, in CellPlace place, long gate, TLane ofX, TLane ofH)
        where TLane : struct, ILane<TLane>
    {
        long offset = gate * memory.Units;
        TLane.Store(memory.MassX + (place.InputGates + offset), ofX);
        TLane.Store(memory.MassH + (place.Gates + offset), ofH);
    }
}
