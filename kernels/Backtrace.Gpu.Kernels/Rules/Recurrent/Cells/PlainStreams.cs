using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>Contrastive mode, one step back.</summary>
internal unsafe struct PlainStreams : ICellKernel
{
    public static void At<TLane>(in CellPointers memory, in CellPlace place)
        where TLane : struct, ILane<TLane> =>
        GateStreams.Write(memory, place, 0, Streams<TLane>.Arriving(memory, place)).Store(memory.Lost + place.Input, memory.Plane);
}
