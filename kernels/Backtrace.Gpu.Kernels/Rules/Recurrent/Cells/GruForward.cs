using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>One step of a GRU: n = tanh(X + σ(r)·H), h = (1 − σ(z))·n + σ(z)·h. Keeps what the state was.</summary>
internal unsafe struct GruForward : ICellKernel
{
    public static void At<TLane>(in CellPointers memory, in CellPlace place)
        where TLane : struct, ILane<TLane>
    {
        TLane before = TLane.Load(memory.StateH + place.State);
        TLane.Store(memory.Hidden + place.Own, before);
        TLane r = Squashed<TLane>.Sigmoid(Gate.Sum<TLane>(memory, place, 0)).Value;
        Squashed<TLane> z = Squashed<TLane>.Sigmoid(Gate.Sum<TLane>(memory, place, 1));
        TLane n = Squashed<TLane>.Tanh(Gate.X<TLane>(memory, place, 2) + r * Gate.H<TLane>(memory, place, 2)).Value;
        TLane hidden = z.Rest * n + z.Value * before;
        TLane.Store(memory.StateH + place.State, hidden);
        TLane.Store(memory.Result + place.Result, hidden);
    }
}
