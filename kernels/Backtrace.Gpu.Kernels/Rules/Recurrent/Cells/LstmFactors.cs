using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>
/// Default mode: every share inside an LSTM cell (rules.md, B.11). They do not depend on relevance, so all steps are computed at once. Factors:
/// h to c, c to the c before, what is lost of h, what is lost of c.
/// </summary>
internal unsafe struct LstmFactors : ICellKernel
{
    public static void At<TLane>(in CellPointers memory, in CellPlace place)
        where TLane : struct, ILane<TLane>
    {
        TLane zero = TLane.All(0), half = TLane.All(0.5f), one = TLane.All(1);
        Squashed<TLane> i = Squashed<TLane>.Sigmoid(Gate.Sum<TLane>(memory, place, 0));
        Squashed<TLane> f = Squashed<TLane>.Sigmoid(Gate.Sum<TLane>(memory, place, 1));
        Squashed<TLane> g = Squashed<TLane>.Tanh(Gate.Sum<TLane>(memory, place, 2));
        Squashed<TLane> o = Squashed<TLane>.Sigmoid(Gate.Sum<TLane>(memory, place, 3));
        TLane before = TLane.Load(memory.Cell + place.Own);
        TLane kept = TLane.Abs(f.Value * before), added = TLane.Abs(i.Value * g.Value);
        Squashed<TLane> c = Squashed<TLane>.Tanh(f.Value * before + i.Value * g.Value);

        // A product u·v: |uv − u| and |uv − v|, with uv − u = u(v − 1).
        TLane ofO = o.Value * c.Rest, ofC = TLane.Abs(c.Value) * o.Rest;
        TLane ofF = f.Value * TLane.Abs(before - one), ofBefore = TLane.Abs(before) * f.Rest;
        TLane ofI = i.Value * g.Rest, ofG = TLane.Abs(g.Value) * i.Rest;
        TLane toKept = Magnitudes.Part(kept, added, zero), toAdded = Magnitudes.Part(added, kept, zero);

        TLane lost = TLane.WhereZero(kept + added, one, zero)
            + GateFactors.Write(memory, place, 0, toAdded * Magnitudes.Part(ofI, ofG, half))
            + GateFactors.Write(memory, place, 1, toKept * Magnitudes.Part(ofF, ofBefore, half))
            + GateFactors.Write(memory, place, 2, toAdded * Magnitudes.Part(ofG, ofI, half));
        TLane.Store(memory.Factors + place.Own, Magnitudes.Part(ofC, ofO, half));
        TLane.Store(memory.Factors + (memory.Plane + place.Own), toKept * Magnitudes.Part(ofBefore, ofF, half));
        TLane.Store(memory.Factors + (2 * memory.Plane + place.Own), GateFactors.Write(memory, place, 3, Magnitudes.Part(ofO, ofC, half)));
        TLane.Store(memory.Factors + (3 * memory.Plane + place.Own), lost);
    }
}
