using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>Contrastive mode, one step back.</summary>
internal unsafe struct GruStreams : ICellKernel
{
    public static void At<TLane>(in CellPointers memory, in CellPlace place)
        where TLane : struct, ILane<TLane>
    {
        TLane half = TLane.All(0.5f);
        TLane r = Squashed<TLane>.Sigmoid(Gate.Sum<TLane>(memory, place, 0)).Value;
        Squashed<TLane> z = Squashed<TLane>.Sigmoid(Gate.Sum<TLane>(memory, place, 1));
        TLane x = Gate.X<TLane>(memory, place, 2), reset = r * Gate.H<TLane>(memory, place, 2);
        TLane added = z.Rest * Squashed<TLane>.Tanh(x + reset).Value;
        TLane kept = z.Value * TLane.Load(memory.Hidden + place.Own);

        PairStreams<TLane> h = PairStreams<TLane>.OfSum(added, kept, Streams<TLane>.Arriving(memory, place));
        PairStreams<TLane> n = PairStreams<TLane>.OfSum(x, reset, h.First.Times(half));
        h.Second.Times(half).Store(memory.Direct + place.State, memory.StatePlane);
        Streams<TLane> lost = h.Lost.Plus(n.Lost)
            .Plus(GateStreams.ToX(memory, place, 2, n.First))
            .Plus(GateStreams.ToH(memory, place, 2, n.Second.Times(half)))
            .Plus(GateStreams.Write(memory, place, 0, n.Second.Times(half)))
            .Plus(GateStreams.Write(memory, place, 1, h.First.Plus(h.Second).Times(half)));
        lost.Store(memory.Lost + place.Input, memory.Plane);
    }
}
