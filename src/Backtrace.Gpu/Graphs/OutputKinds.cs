using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;

namespace Backtrace.Gpu.Graphs;

/// <summary>Tells probabilities from logits by the operator that made them.</summary>
internal static class OutputKinds
{
    public static OutputKind Of(Value output)
    {
        Value value = output;
        while (value.Producer is { Operation: Identity identity } node)
        {
            if (identity.Label is "softmax" or "special_softmax" or "_softmax" or "sigmoid")
                return OutputKind.Probabilities;
            value = node.InputValues[0];
        }

        return value.Producer is { Operation: StridedView } view ? Of(view.InputValues[0]) : OutputKind.Logits;
    }
}
