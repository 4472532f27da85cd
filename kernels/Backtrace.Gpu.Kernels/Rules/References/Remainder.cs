using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.References;

/// <summary>Closes the account of rules that neither keep relevance nor say where it went.</summary>
internal static class Remainder
{
    /// <summary>Reports as dropped what arrived and was not handed on; what was handed on and had not arrived counts negatively.</summary>
    public static void KeepRemainder(this RuleContext context, ArrayView<float> arrived, params ReadOnlySpan<ArrayView<float>> handedOn)
    {
        context.Keep(LedgerEntry.Dropped, new ValueTerm { Values = arrived }, arrived.Length);
        foreach (ArrayView<float> part in handedOn)
            context.Keep(LedgerEntry.Dropped, new NegativeTerm { Values = part }, part.Length);
    }
}
