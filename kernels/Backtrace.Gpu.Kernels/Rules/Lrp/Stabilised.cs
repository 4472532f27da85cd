using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Lrp;

/// <summary>Division by values of both signs, the core of the epsilon rule.</summary>
internal static class Stabilised
{
    /// <summary>c = R / (y ± ε) of the node's units; what ε absorbs, and all relevance of units whose denominator vanishes, is reported as dropped.</summary>
    public static ArrayView<float> Divide(RuleContext context, ArrayView<float> values, float epsilon)
    {
        ArrayView<float> relevance = context.Relevance().Values;
        ArrayView<float> coefficients = context.Scratch(relevance.Length);
        context.Device.Run(new StabilisedQuotient { Relevance = relevance, Value = values, Target = coefficients, Epsilon = epsilon }, relevance.Length, workPerEntry: 3);
        context.Keep(LedgerEntry.Dropped, new RemainderTerm { Relevance = relevance, Coefficient = coefficients, Value = values }, relevance.Length);
        return coefficients;
    }
}
