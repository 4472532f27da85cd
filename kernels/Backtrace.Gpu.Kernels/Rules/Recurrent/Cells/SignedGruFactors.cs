using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules.Lrp;

namespace Backtrace.Gpu.Kernels.Rules.Recurrent.Cells;

/// <summary>
/// The epsilon rule inside a GRU cell: a product gives all to the signal and nothing to its gate, h = (1 − z)·n + z·h and X + r·H share with their signs. All steps
/// at once. Factors as of <see cref="GruFactors"/>.
/// </summary>
internal unsafe struct SignedGruFactors : ICellKernel
{
    public static void At<TLane>(in CellPointers memory, in CellPlace place)
        where TLane : struct, ILane<TLane>
    {
        TLane zero = TLane.All(0), one = TLane.All(1), epsilon = TLane.All(memory.Epsilon);
        TLane r = Squashed<TLane>.Sigmoid(Gate.Sum<TLane>(memory, place, 0)).Value;
        Squashed<TLane> z = Squashed<TLane>.Sigmoid(Gate.Sum<TLane>(memory, place, 1));
        TLane sum = Gate.X<TLane>(memory, place, 2) + r * Gate.H<TLane>(memory, place, 2);
        TLane kept = z.Value * TLane.Load(memory.Hidden + place.Own), added = z.Rest * Squashed<TLane>.Tanh(sum).Value;
        TLane perH = StabilisedQuotient.Of(one, kept + added, epsilon);
        TLane perSum = StabilisedQuotient.Of(added * perH, sum, epsilon);
        SignedGate.Write(memory, place, 0, zero, zero);
        SignedGate.Write(memory, place, 1, zero, zero);
        SignedGate.Write(memory, place, 2, perSum, r * perSum);
        TLane.Store(memory.Factors + place.Own, kept * perH);
        TLane.Store(memory.Factors + (memory.Plane + place.Own), one - kept * perH - perSum * sum);
        TLane.Store(memory.Factors + (2 * memory.Plane + place.Own), r * perSum * TLane.Load(memory.BiasH + (2 * memory.Units + place.Unit)));
    }
}
