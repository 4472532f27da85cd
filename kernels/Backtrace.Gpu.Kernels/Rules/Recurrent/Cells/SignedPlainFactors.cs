using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules.Lrp;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>The epsilon rule of X + H in a plain cell, for all steps at once. Factor: what is lost.</summary>
internal unsafe struct SignedPlainFactors : ICellKernel
{
    public static void At<TLane>(in CellPointers memory, in CellPlace place)
        where TLane : struct, ILane<TLane>
    {
        TLane z = Gate.Sum<TLane>(memory, place, 0), perZ = StabilisedQuotient.Of(TLane.All(1), z, TLane.All(memory.Epsilon));
        SignedGate.Write(memory, place, 0, perZ, perZ);
        TLane.Store(memory.Factors + place.Own, TLane.All(1) - perZ * z);
    }
}
