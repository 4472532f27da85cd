using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// Units of which one mass is so small against the other that products, which add terms of both signs and take them away again, are not exact enough. Only those of
/// both signs need to be looked at: where all contributions have one sign, α = β, and nothing is taken away.
/// </summary>
internal unsafe struct ListedUnits
{
    /// <summary>Inputs that an item of a kernel handles.</summary>
    public const int Chunk = 64;

    public UnitOperands Operands;

    /// <summary>[rows, 1 + outputs], see <see cref="UnbalancedUnits"/>.</summary>
    public ArrayView<float> List;

    /// <summary>What the units have and hold.</summary>
    public SignedShares Shares;

    /// <summary>What the operand that is looked at gets of every share.</summary>
    public float Part;

    public readonly bool HasBothSigns(long row, long column)
    {
        long unit = row * Operands.Outputs + column;
        return Shares.P.Pointer()[unit] > 0f & Shares.N.Pointer()[unit] > 0f;
    }

    public readonly Shares<Scalar> SharesOf(long row, long column)
    {
        long unit = row * Operands.Outputs + column;
        Scalar part = Scalar.All(Part);
        Shares<Scalar> shares = Shares.At(unit);
        return new Shares<Scalar>
        {
            SupportingP = part * shares.SupportingP,
            SupportingN = part * shares.SupportingN,
            OpposingP = part * shares.OpposingP,
            OpposingN = part * shares.OpposingN,
        };
    }
}
