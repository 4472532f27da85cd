using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>One step of a plain cell: h = tanh(X + H). Keeps what the state was.</summary>
internal unsafe struct TanhForward : ICellKernel
{
    public static void At<TLane>(in CellPointers memory, in CellPlace place)
        where TLane : struct, ILane<TLane>
    {
        TLane.Store(memory.Hidden + place.Own, TLane.Load(memory.StateH + place.State));
        TLane hidden = Squashed<TLane>.Tanh(Gate.Sum<TLane>(memory, place, 0)).Value;
        TLane.Store(memory.StateH + place.State, hidden);
        TLane.Store(memory.Result + place.Result, hidden);
    }
}
