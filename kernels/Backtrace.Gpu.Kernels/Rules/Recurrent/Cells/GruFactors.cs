using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>Default mode: every share inside a GRU cell (rules.md, B.11), for all steps at once. Factors: h to the h before, what is lost, what the bias of H takes.</summary>
internal unsafe struct GruFactors : ICellKernel
{
    public static void At<TLane>(in CellPointers memory, in CellPlace place)
        where TLane : struct, ILane<TLane>
    {
        TLane zero = TLane.All(0), half = TLane.All(0.5f), one = TLane.All(1);
        TLane r = Squashed<TLane>.Sigmoid(Gate.Sum<TLane>(memory, place, 0)).Value;
        Squashed<TLane> z = Squashed<TLane>.Sigmoid(Gate.Sum<TLane>(memory, place, 1));
        TLane x = Gate.X<TLane>(memory, place, 2), reset = r * Gate.H<TLane>(memory, place, 2);
        TLane added = TLane.Abs(z.Rest * Squashed<TLane>.Tanh(x + reset).Value);
        TLane kept = TLane.Abs(z.Value * TLane.Load(memory.Hidden + place.Own));
        TLane toKept = Magnitudes.Part(kept, added, zero), toAdded = Magnitudes.Part(added, kept, zero);

        // Products by halves.
        TLane toN = half * toAdded;
        TLane ofX = TLane.Abs(x), ofReset = TLane.Abs(reset);
        TLane toReset = toN * Magnitudes.Part(ofReset, ofX, zero);
        float* massH = memory.MassH + (place.Gates + (2 * memory.Units));
        TLane lost = TLane.WhereZero(kept + added, one, zero)
            + TLane.WhereZero(ofX + ofReset, toN, zero)
            + GateFactors.Over(memory.MassX + (place.InputGates + (2 * memory.Units)), toN * Magnitudes.Part(ofX, ofReset, zero))
            + GateFactors.Over(massH, half * toReset)
            + GateFactors.Write(memory, place, 0, half * toReset)
            + GateFactors.Write(memory, place, 1, half * (toAdded + toKept));
        TLane bias = TLane.Abs(TLane.Load(memory.BiasH + (2 * memory.Units + place.Unit)));
        TLane.Store(memory.Factors + place.Own, half * toKept);
        TLane.Store(memory.Factors + (memory.Plane + place.Own), lost);
        TLane.Store(memory.Factors + (2 * memory.Plane + place.Own), TLane.Load(massH) * bias);
    }
}
