using Backtrace.Gpu.Kernels.Contraction;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>
/// The values t = Wx + b of a layer's units: the recorded output, unless it was rounded to 16 bits. Then they are computed again, because the masses p and n
/// and the relevance that is divided by t are differences in which such an error would be large.
/// </summary>
internal static class UnitValues
{
    /// <param name="context">The node: input 0, parameters <c>weight</c> and <c>bias</c>, its output.</param>
    /// <param name="map">The layer's linear map.</param>
    public static ArrayView<float> Of<TMap>(RuleContext context, TMap map)
        where TMap : struct, ILinearMap => Of(context, map, "weight", "bias");

    /// <summary>The same for parameters of other names.</summary>
    public static ArrayView<float> Of<TMap>(RuleContext context, TMap map, string weight, string bias)
        where TMap : struct, ILinearMap
    {
        if (!context.IsOutputRounded)
            return context.Output().Values;
        ArrayView<float> values = context.Shared(context.Relevance().Length, out bool isNew);
        if (isNew)
        {
            Operand added = context.Parameter(bias) is { } b ? Operand.Of(b.Values) : Operand.None;
            map.Values(context.Contraction, Operand.Of(context.Input(0).Values), Operand.Of(context.Parameter(weight)!.Value.Values), added, values);
        }

        return values;
    }
}
