using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>Default mode: shares of the one gate of a plain cell, for all steps at once. Factor: what is lost.</summary>
internal unsafe struct PlainFactors : ICellKernel
{
    public static void At<TLane>(in CellPointers memory, in CellPlace place)
        where TLane : struct, ILane<TLane> =>
        TLane.Store(memory.Factors + place.Own, GateFactors.Write(memory, place, 0, TLane.All(1)));
}
