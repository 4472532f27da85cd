using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>Default mode, one step back.</summary>
internal unsafe struct PlainRelevance : ICellKernel
{
    public static void At<TLane>(in CellPointers memory, in CellPlace place)
        where TLane : struct, ILane<TLane>
    {
        TLane h = Vanishing.Drop(TLane.Load(memory.Relevance + place.Result) + TLane.Load(memory.CarryH + place.State));
        GateFactors.Apply(memory, place, 0, h);
        TLane.Store(memory.Lost + place.Input, h * TLane.Load(memory.Factors + place.Own));
    }
}
