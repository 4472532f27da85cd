using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>Default mode, one step back: from the relevance of h and c to that of the units of all gates and of the c before.</summary>
internal unsafe struct LstmRelevance : ICellKernel
{
    public static void At<TLane>(in CellPointers memory, in CellPlace place)
        where TLane : struct, ILane<TLane>
    {
        float* factors = memory.Factors + place.Own;
        TLane h = Vanishing.Drop(TLane.Load(memory.Relevance + place.Result) + TLane.Load(memory.CarryH + place.State));
        TLane c = Vanishing.Drop(TLane.Load(memory.CarryC + place.State) + h * TLane.Load(factors));
        GateFactors.Apply(memory, place, 0, c);
        GateFactors.Apply(memory, place, 1, c);
        GateFactors.Apply(memory, place, 2, c);
        GateFactors.Apply(memory, place, 3, h);
        TLane.Store(memory.CarryC + place.State, c * TLane.Load(factors + memory.Plane));
        TLane.Store(memory.Lost + place.Input, h * TLane.Load(factors + (2 * memory.Plane)) + c * TLane.Load(factors + (3 * memory.Plane)));
    }
}
