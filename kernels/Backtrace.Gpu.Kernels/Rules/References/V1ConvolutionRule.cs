using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules.Contrast;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>
/// Convolutions as the first implementation has them (rules.md, C.1, C.2, C.4): saturation is tested on p + n and loses the silenced share; in
/// contrastive mode a stream that is directed at a sign without contributions is lost, and so are ties. What is lost is reported as dropped.
/// </summary>
public sealed class V1ConvolutionRule : Rule<Convolution>
{
    private static readonly ConvolutionRule Canonical = new();

    /// <inheritdoc/>
    protected override void Apply(RuleContext context, Convolution operation)
    {
        if (context.Saturation == Saturation.None)
            Canonical.Apply(context); // the same rule
        else
            ApplySaturated(context, new ConvolutionRule.Map(operation.Shape), operation.Shape.Output.Volume);
    }

    /// <inheritdoc/>
    protected override void ApplyContrastive(RuleContext supporting, RuleContext opposing, Convolution operation) =>
        ConvolutionRule.ApplyContrastive(new StreamPair(supporting, opposing, dropsMissingSigns: true), operation.Shape);

    private static void ApplySaturated(RuleContext context, ConvolutionRule.Map map, long inner)
    {
        ArrayView<float> weight = context.Parameter("weight")!.Value.Values;
        ArrayView<float> bias = context.Parameter("bias")?.Values ?? default;
        ArrayView<float> x = context.Input(0).Values;
        ArrayView<float> relevance = context.Relevance().Values;
        long units = relevance.Length;
        ArrayView<float> mass = context.Scratch(units), lost = context.Scratch(units);
        map.Forward(context.Contraction, Contraction.Operand.Abs(x), Contraction.Operand.Abs(weight), Contraction.Operand.None, mass, default(NoEpilogue));
        MassMasks masks = new()
        {
            Kind = context.Saturation,
            Relevance = relevance,
            Mass = mass,
            Value = UnitValues.Of(context, map),
            Bias = bias.IsValid ? bias : mass,
            HasBias = bias.IsValid ? 1 : 0,
            Inner = inner,
            Channels = bias.IsValid ? bias.Length : 1,
            Coefficient = context.Scratch(units),
            Alpha = context.Scratch(units),
            Beta = context.Scratch(units),
            Lost = lost,
        };
        context.Device.RunItems(masks, units, 8);
        Saturated.HandOut(context, map, x, weight, masks.Alpha, masks.Beta, context.Give(0).Values);
        Affine.Account(context, relevance, masks.Coefficient, bias, inner);
        context.Keep(LedgerEntry.Dropped, new ValueTerm { Values = lost }, units);
    }
}
