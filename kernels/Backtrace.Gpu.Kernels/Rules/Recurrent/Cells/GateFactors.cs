using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>Default mode: what the parts X and H of a gate get of its relevance, per unit of their denominators.</summary>
internal static unsafe class GateFactors
{
    /// <summary>Shares <paramref name="part"/> between X and H by magnitude, and puts both shares over D, in the memory of D.</summary>
    /// <returns>What is lost of <paramref name="part"/>.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane Write<TLane>(in CellPointers memory, in CellPlace place, long gate, TLane part)
        where TLane : struct, ILane<TLane>
    {
        long offset = gate * memory.Units;
        TLane x = TLane.Abs(TLane.Load(memory.X + (place.InputGates + offset)));
        TLane h = TLane.Abs(TLane.Load(memory.H + (place.Gates + offset)));
        TLane zero = TLane.All(0);
        return TLane.WhereZero(x + h, part, zero)
            + Over(memory.MassX + (place.InputGates + offset), part * Magnitudes.Part(x, h, zero))
            + Over(memory.MassH + (place.Gates + offset), part * Magnitudes.Part(h, x, zero));
    }

    /// <summary>Replaces a denominator by share / D.</summary>
    /// <returns>The share if D vanishes.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane Over<TLane>(float* denominator, TLane share)
        where TLane : struct, ILane<TLane>
    {
        TLane d = TLane.Load(denominator), zero = TLane.All(0), smallest = TLane.All(Coefficient.Smallest);
        TLane.Store(denominator, TLane.WhereGreater(smallest, d, zero, share / d));
        return TLane.WhereGreater(smallest, d, share, zero);
    }

    /// <summary>Hands <paramref name="relevance"/> of a gate to the units of X and H.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Apply<TLane>(in CellPointers memory, in CellPlace place, long gate, TLane relevance)
        where TLane : struct, ILane<TLane>
    {
        long offset = gate * memory.Units;
        TLane.Store(memory.ToX + (place.InputGates + offset), relevance * TLane.Load(memory.MassX + (place.InputGates + offset)));
        TLane.Store(memory.ToH + (place.StepGates + offset), relevance * TLane.Load(memory.MassH + (place.Gates + offset)));
    }
}
