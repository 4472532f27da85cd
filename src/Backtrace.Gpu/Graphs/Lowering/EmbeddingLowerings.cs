using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Graphs;

internal static partial class Lowerings
{
    private static void RegisterEmbeddings(Dictionary<string, Lowering> table)
    {
        table.Add("embedding", Embed);
        table.Add("cumsum", Count);
    }

    // (weight, indices, padding index, ...)
    private static void Embed(OperatorCall call)
    {
        if (call[0].Tensor.IsDynamic)
            call.Refuse("has a table that depends on the input, or that max_norm rescales during the call");
        else
            call.Emit(new Embedding(), [call[1].Tensor], ("weight", call[0]));
    }

    // Positions counted from ids or masks are no function of what an id means.
    private static void Count(OperatorCall call)
    {
        if (call.IsIntegral)
            call.EmitNothing();
        else
            call.Refuse("of floating-point numbers has no rule");
    }
}
