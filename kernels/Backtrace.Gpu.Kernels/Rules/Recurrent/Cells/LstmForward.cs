using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>One step of an LSTM: c = σ(f)·c + σ(i)·tanh(g), h = σ(o)·tanh c. Keeps what the state was.</summary>
internal unsafe struct LstmForward : ICellKernel
{
    public static void At<TLane>(in CellPointers memory, in CellPlace place)
        where TLane : struct, ILane<TLane>
    {
        TLane cell = TLane.Load(memory.StateC + place.State);
        TLane.Store(memory.Cell + place.Own, cell);
        TLane.Store(memory.Hidden + place.Own, TLane.Load(memory.StateH + place.State));
        TLane i = Squashed<TLane>.Sigmoid(Gate.Sum<TLane>(memory, place, 0)).Value;
        TLane f = Squashed<TLane>.Sigmoid(Gate.Sum<TLane>(memory, place, 1)).Value;
        TLane g = Squashed<TLane>.Tanh(Gate.Sum<TLane>(memory, place, 2)).Value;
        TLane o = Squashed<TLane>.Sigmoid(Gate.Sum<TLane>(memory, place, 3)).Value;
        cell = f * cell + i * g;
        TLane hidden = o * Squashed<TLane>.Tanh(cell).Value;
        TLane.Store(memory.StateC + place.State, cell);
        TLane.Store(memory.StateH + place.State, hidden);
        TLane.Store(memory.Result + place.Result, hidden);
    }
}
