using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules.Lrp;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>
/// The epsilon rule inside an LSTM cell (Arras et al. 2017): a product gives all to the signal and nothing to its gate, c = f·c + i·g and X + H share with their signs.
/// All steps at once. Factors as of <see cref="LstmFactors"/>.
/// </summary>
internal unsafe struct SignedLstmFactors : ICellKernel
{
    public static void At<TLane>(in CellPointers memory, in CellPlace place)
        where TLane : struct, ILane<TLane>
    {
        TLane zero = TLane.All(0), one = TLane.All(1), epsilon = TLane.All(memory.Epsilon);
        TLane i = Squashed<TLane>.Sigmoid(Gate.Sum<TLane>(memory, place, 0)).Value;
        TLane f = Squashed<TLane>.Sigmoid(Gate.Sum<TLane>(memory, place, 1)).Value;
        TLane z = Gate.Sum<TLane>(memory, place, 2);
        TLane kept = f * TLane.Load(memory.Cell + place.Own), added = i * Squashed<TLane>.Tanh(z).Value;
        TLane perC = StabilisedQuotient.Of(one, kept + added, epsilon);
        TLane perZ = StabilisedQuotient.Of(added * perC, z, epsilon);
        SignedGate.Write(memory, place, 0, zero, zero);
        SignedGate.Write(memory, place, 1, zero, zero);
        SignedGate.Write(memory, place, 2, perZ, perZ);
        SignedGate.Write(memory, place, 3, zero, zero);
        TLane.Store(memory.Factors + place.Own, one);
        TLane.Store(memory.Factors + (memory.Plane + place.Own), kept * perC);
        TLane.Store(memory.Factors + (2 * memory.Plane + place.Own), zero);
        TLane.Store(memory.Factors + (3 * memory.Plane + place.Own), one - kept * perC - perZ * z);
    }
}
