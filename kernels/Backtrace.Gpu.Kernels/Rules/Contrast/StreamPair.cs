using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>The two streams of one visit, and what the contrastive rules of all operators do with them.</summary>
/// <param name="supporting">The visit of the supporting stream.</param>
/// <param name="opposing">That of the opposing stream.</param>
/// <param name="dropsMissingSigns">The flawed unit rule of the first implementation (rules.md, C.4).</param>
internal readonly struct StreamPair(RuleContext supporting, RuleContext opposing, bool dropsMissingSigns = false)
{
    public RuleContext Supporting => supporting;

    public RuleContext Opposing => opposing;

    public Device Device => supporting.Device;

    /// <summary>Number of units.</summary>
    public long Units => supporting.Relevance().Length;

    /// <summary>True if units of one sign lose a stream.</summary>
    public bool DropsMissingSigns => dropsMissingSigns;

    /// <summary>True if no input can be negative: all contributions have one sign, and each stream is shared as in default mode.</summary>
    public bool HasOneSign => Enumerable.Range(0, supporting.InputCount).All(supporting.IsNonNegative);

    /// <summary>Hands each stream on by the rule of default mode.</summary>
    public void Each(Action<RuleContext> apply)
    {
        apply(supporting);
        apply(opposing);
    }

    /// <summary>
    /// Computes the shares of all units, [2, units] for each sign, and reports the relevance of units without any.
    /// </summary>
    /// <param name="p">Positive masses.</param>
    /// <param name="n">Negative masses.</param>
    /// <param name="value">The units' values, or nothing where they are p − n.</param>
    public (ArrayView<float> ToP, ArrayView<float> ToN) Share(ArrayView<float> p, ArrayView<float> n, ArrayView<float> value = default)
    {
        long units = Units;
        ArrayView<float> toP = supporting.Scratch(2 * units), toN = supporting.Scratch(2 * units);
        UnitShares shares = new()
        {
            P = p,
            N = n,
            Value = value.IsValid ? value : p,
            HasValue = value.IsValid ? 1 : 0,
            Supporting = supporting.Relevance().Values,
            Opposing = opposing.Relevance().Values,
            ToP = toP,
            ToN = toN,
            Units = units,
            DropsMissingSigns = dropsMissingSigns ? 1 : 0,
        };
        Device.Run(shares, units, workPerEntry: 9);
        Drop(supporting, toP.SubView(0, units), toN.SubView(0, units));
        Drop(opposing, toP.SubView(units, units), toN.SubView(units, units));
        return (toP, toN);
    }

    /// <summary>Gives an input max(x, 0)·u + max(−x, 0)·v of both streams.</summary>
    /// <param name="index">The input.</param>
    /// <param name="u">[2, entries].</param>
    /// <param name="v">[2, entries].</param>
    /// <param name="factor">Sign of the input as a contribution.</param>
    /// <param name="signed">|x|·u + x·v instead.</param>
    /// <returns>The relevance of the input in both streams.</returns>
    public (ArrayView<float> Supporting, ArrayView<float> Opposing) Join(int index, ArrayView<float> u, ArrayView<float> v, float factor = 1, bool signed = false)
    {
        ArrayView<float> x = supporting.Input(index).Values;
        long length = x.Length;
        (ArrayView<float>, ArrayView<float>) results = (supporting.Give(index).Values, opposing.Give(index).Values);
        JoinSides join = new() { X = x, Factor = factor, Signed = signed ? 1 : 0, U = u.SubView(0, length), V = v.SubView(0, length), Target = results.Item1 };
        Device.Run(join, length, workPerEntry: 4);
        (join.U, join.V, join.Target) = (u.SubView(length, length), v.SubView(length, length), results.Item2);
        Device.Run(join, length, workPerEntry: 4);
        return results;
    }

    /// <summary>Gives an input x·(u + v) of both streams.</summary>
    public void JoinSum(int index, ArrayView<float> u, ArrayView<float> v)
    {
        ArrayView<float> x = supporting.Input(index).Values;
        long length = x.Length;
        ScaleSum scale = new() { X = x, U = u.SubView(0, length), V = v.SubView(0, length), Target = supporting.Give(index).Values };
        Device.Run(scale, length, workPerEntry: 4);
        (scale.U, scale.V, scale.Target) = (u.SubView(length, length), v.SubView(length, length), opposing.Give(index).Values);
        Device.Run(scale, length, workPerEntry: 4);
    }

    /// <summary>The positive (1) or negative (−1) side of an input, copied.</summary>
    public ArrayView<float> Side(int index, float sign)
    {
        ArrayView<float> x = supporting.Input(index).Values;
        ArrayView<float> side = supporting.Scratch(x.Length);
        Device.Run(new CopySide { Source = x, Target = side, Sign = sign }, x.Length, workPerEntry: 2);
        return side;
    }

    private static void Drop(RuleContext stream, ArrayView<float> toP, ArrayView<float> toN) =>
        stream.Keep(LedgerEntry.Dropped, new UnservedTerm { Relevance = stream.Relevance().Values, ToP = toP, ToN = toN }, toP.Length);
}
