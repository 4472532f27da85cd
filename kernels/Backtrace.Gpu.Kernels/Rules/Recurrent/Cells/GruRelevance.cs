using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>Default mode, one step back: from the relevance of h to that of the units of all gates and, directly, of the h before.</summary>
internal unsafe struct GruRelevance : ICellKernel
{
    public static void At<TLane>(in CellPointers memory, in CellPlace place)
        where TLane : struct, ILane<TLane>
    {
        float* factors = memory.Factors + place.Own;
        TLane h = Vanishing.Drop(TLane.Load(memory.Relevance + place.Result) + TLane.Load(memory.CarryH + place.State));
        GateFactors.Apply(memory, place, 0, h);
        GateFactors.Apply(memory, place, 1, h);
        GateFactors.Apply(memory, place, 2, h);
        TLane.Store(memory.Direct + place.State, h * TLane.Load(factors));
        TLane.Store(memory.Lost + place.Input, h * TLane.Load(factors + memory.Plane));
        TLane.Store(memory.Taken + place.Input, h * TLane.Load(factors + (2 * memory.Plane)));
    }
}
