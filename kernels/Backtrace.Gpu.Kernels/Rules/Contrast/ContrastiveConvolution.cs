using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// The contrastive rule of convolutions of inputs of both signs with many taps, in the form of wide dense layers (rules.md, E.1, E.2): five convolutions instead
/// of the twelve of four quadrants. Units that these cannot serve exactly hand out their relevance contribution by contribution.
/// </summary>
internal static class ContrastiveConvolution
{
    public static bool Fits(in StreamPair pair, ConvolutionShape shape) => !pair.HasOneSign && !pair.DropsMissingSigns && HasManyTaps(shape);

    /// <summary>False where too many units have one small mass for it to be found by subtraction.</summary>
    public static bool HasManyTaps(ConvolutionShape shape) => (long)shape.InChannels / shape.Groups * shape.Kernel.Volume >= SignedProduct.Fewest;

    public static void Apply(in StreamPair pair, ConvolutionShape shape)
    {
        RuleContext context = pair.Supporting;
        Device device = pair.Device;
        ConvolutionRule.Map map = new(shape);
        long units = pair.Units, rows = (long)shape.Batch * shape.OutChannels;
        ArrayView<float> x = context.Input(0).Values, weight = context.Parameter("weight")!.Value.Values, value = UnitValues.Of(context, map);
        ConvolutionMasses masses = ConvolutionMasses.Of(context, shape, value, context.Scratch(units), context.Scratch(units));
        new ConvolutionRule.Map(shape with { IsExact = true }).Forward(context.Contraction, Operand.Abs(x), Operand.Abs(weight), Operand.None, masses.P, masses);
        SignedShares shares = SignedShares.Of(pair, masses.P, masses.N, value);
        device.Run(new UnlistedShares { Shares = shares }, units, workPerEntry: 2);
        ArrayView<float> list = context.Scratch(rows * (shape.Output.Volume + 1));
        Rows.Run(device, new UnbalancedUnits { N = masses.N, List = list, Outputs = shape.Output.Volume }, rows, shape.Output.Volume, shape.Output.Volume);
        UnbalancedConvolution listed = new()
        {
            X = x,
            W = weight,
            Shape = shape,
            List = list,
            Shares = shares,
            ToSupporting = shares.Give(pair.Supporting, map, 0),
            ToOpposing = shares.Give(pair.Opposing, map, 1),
        };
        device.RunItems(listed, (long)shape.Batch * shape.InChannels * shape.Input.D * shape.Input.H, shape.Input.W);
    }
}
