using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>Contrastive mode, one step back.</summary>
internal unsafe struct LstmStreams : ICellKernel
{
    public static void At<TLane>(in CellPointers memory, in CellPlace place)
        where TLane : struct, ILane<TLane>
    {
        TLane i = Squashed<TLane>.Sigmoid(Gate.Sum<TLane>(memory, place, 0)).Value;
        TLane f = Squashed<TLane>.Sigmoid(Gate.Sum<TLane>(memory, place, 1)).Value;
        TLane g = Squashed<TLane>.Tanh(Gate.Sum<TLane>(memory, place, 2)).Value;
        TLane o = Squashed<TLane>.Sigmoid(Gate.Sum<TLane>(memory, place, 3)).Value;
        TLane before = TLane.Load(memory.Cell + place.Own);
        TLane kept = f * before, added = i * g;

        PairStreams<TLane> h = PairStreams<TLane>.OfProduct(o, Squashed<TLane>.Tanh(kept + added).Value, Streams<TLane>.Arriving(memory, place));
        Streams<TLane> carried = Streams<TLane>.Load(memory.CarryC + place.State, memory.StatePlane);
        PairStreams<TLane> c = PairStreams<TLane>.OfSum(kept, added, h.Second.Plus(carried));
        PairStreams<TLane> ofKept = PairStreams<TLane>.OfProduct(f, before, c.First);
        PairStreams<TLane> ofAdded = PairStreams<TLane>.OfProduct(i, g, c.Second);

        ofKept.Second.Store(memory.CarryC + place.State, memory.StatePlane);
        Streams<TLane> lost = h.Lost.Plus(c.Lost).Plus(ofKept.Lost).Plus(ofAdded.Lost)
            .Plus(GateStreams.Write(memory, place, 0, ofAdded.First))
            .Plus(GateStreams.Write(memory, place, 1, ofKept.First))
            .Plus(GateStreams.Write(memory, place, 2, ofAdded.Second))
            .Plus(GateStreams.Write(memory, place, 3, h.First));
        lost.Store(memory.Lost + place.Input, memory.Plane);
    }
}
