using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// The contrastive rule of dense layers with a fraction of the products that four quadrants take (rules.md, E.1): p and n from S = |W||x| and
/// y = Wx. Inputs that are not negative get x·(W⁺ᵀa + W⁻ᵀb), others |x|·|W|ᵀα + x·Wᵀβ with α = (a + b)/2, β = (a − b)/2. These differences
/// are exact enough where both masses of a unit are of the same order, and that of its bias; for the few other units the masses are summed, and
/// relevance handed out, term by term.
/// </summary>
internal static class ContrastiveLinear
{
    /// <summary>Layers with fewer inputs have too many units of the other kind.</summary>
    public const int Fewest = 48;

    public static void Apply(in StreamPair pair, LinearShape shape)
    {
        RuleContext context = pair.Supporting;
        Device device = pair.Device;
        ArrayView<float> weight = context.Parameter("weight")!.Value.Values;
        ArrayView<float> bias = context.Parameter("bias")?.Values ?? default;
        ArrayView<float> x = context.Input(0).Values, value = UnitValues.Of(context, new LinearRule.Map(shape));
        long units = pair.Units;
        (ArrayView<float> p, ArrayView<float> n, ArrayView<float> list) = LinearUnits.Of(context, shape, x, weight, bias, value, context.Scratch(2 * units));
        if (StackedSigns.Fit(pair, shape.Outputs))
        {
            StackedShares stacked = StackedSigns.Shares(pair, p, n, value, shape.Outputs);
            device.Run(stacked, units, workPerEntry: 11);
            StackedSigns.Give(pair, new LinearRule.Map(shape with { Outputs = 2 * shape.Outputs }), stacked);
            return;
        }

        if (pair.HasOneSign)
        {
            LinearShape doubled = shape with { Rows = 2 * shape.Rows };
            ArrayView<float> u = context.Scratch(2 * x.Length), v = context.Scratch(2 * x.Length);
            (ArrayView<float> toP, ArrayView<float> toN) = pair.Share(p, n, value);
            context.Contraction.LinearTransposed(doubled, Operand.Of(toP), Operand.Positive(weight), u, default(NoEpilogue));
            context.Contraction.LinearTransposed(doubled, Operand.Of(toN), Operand.Negative(weight), v, default(NoEpilogue));
            pair.JoinSum(0, u, v);
            return;
        }

        SignedShares shares = SignedShares.Of(pair, p, n, value);
        ListedUnits listed = new() { Operands = UnitOperands.Of(shape, x, weight), List = list, Shares = shares, Part = 1 };
        device.RunItems(new WithoutListed { Units = listed }, shape.Rows, 4);
        (ArrayView<float> toSupporting, ArrayView<float> toOpposing) = StackedSigns.IsSmall(weight, x)
            ? (shares.Give(pair.Supporting, new LinearRule.Map(shape), 0), shares.Give(pair.Opposing, new LinearRule.Map(shape), 1))
            : GiveBoth(pair, shape, shares);
        UnbalancedRelevance.Run(device, listed, shape.Rows, toSupporting, toOpposing);
    }

    // Both streams as the rows of one product each, so that large weights are read twice only.
    private static (ArrayView<float> ToSupporting, ArrayView<float> ToOpposing) GiveBoth(in StreamPair pair, LinearShape shape, SignedShares shares)
    {
        RuleContext context = pair.Supporting;
        ArrayView<float> weight = context.Parameter("weight")!.Value.Values;
        long entries = context.Input(0).Length;
        LinearShape doubled = shape with { Rows = 2 * shape.Rows };
        ArrayView<float> u = context.Scratch(2 * entries), v = context.Scratch(2 * entries);
        context.Contraction.LinearTransposed(doubled, Operand.Of(shares.Alpha), Operand.Abs(weight), u, default(NoEpilogue));
        context.Contraction.LinearTransposed(doubled, Operand.Of(shares.Beta), Operand.Of(weight), v, default(NoEpilogue));
        return pair.Join(0, u, v, signed: true);
    }
}
