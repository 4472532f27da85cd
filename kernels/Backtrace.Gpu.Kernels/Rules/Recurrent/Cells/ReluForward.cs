using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>One step of a plain cell: h = max(X + H, 0). Keeps what the state was.</summary>
internal unsafe struct ReluForward : ICellKernel
{
    public static void At<TLane>(in CellPointers memory, in CellPlace place)
        where TLane : struct, ILane<TLane>
    {
        TLane.Store(memory.Hidden + place.Own, TLane.Load(memory.StateH + place.State));
        TLane hidden = TLane.Max(Gate.Sum<TLane>(memory, place, 0), TLane.All(0));
        TLane.Store(memory.StateH + place.State, hidden);
        TLane.Store(memory.Result + place.Result, hidden);
    }
}
