using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>Memory for the masses of units and for what they hand out, used again for each block of them.</summary>
internal sealed class UnitMasses(RuleContext context, long capacity)
{
    private readonly ArrayView<float> p = context.Scratch(capacity);
    private readonly ArrayView<float> n = context.Scratch(capacity);
    private readonly ArrayView<float> toP = context.Scratch(2 * capacity);
    private readonly ArrayView<float> toN = context.Scratch(2 * capacity);

    public ArrayView<float> P(long units) => p.SubView(0, units);

    public ArrayView<float> N(long units) => n.SubView(0, units);

    /// <summary>Shares of positive contributions in a stream.</summary>
    public ArrayView<float> ToP(int stream, long units) => toP.SubView(stream * units, units);

    /// <summary>Shares of negative contributions in a stream.</summary>
    public ArrayView<float> ToN(int stream, long units) => toN.SubView(stream * units, units);

    /// <summary>The kernel that computes α and β in place of both, for units without bias.</summary>
    public SignedShares Signed(ArrayView<float> value, ArrayView<float> supporting, ArrayView<float> opposing, long units) => new()
    {
        P = p,
        N = n,
        Value = value,
        Supporting = supporting,
        Opposing = opposing,
        Alpha = toP.SubView(0, 2 * units),
        Beta = toN.SubView(0, 2 * units),
        Units = units,
    };

    /// <summary>The kernel that computes both, for units without bias.</summary>
    public UnitShares Shares(ArrayView<float> supporting, ArrayView<float> opposing, long units) => new()
    {
        P = p,
        N = n,
        Value = p,
        Supporting = supporting,
        Opposing = opposing,
        ToP = toP,
        ToN = toN,
        Units = units,
    };
}
