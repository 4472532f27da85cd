using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>How rules write to the ledger.</summary>
internal static class Accounts
{
    /// <summary>Adds up <paramref name="length"/> terms, sample by sample. What has no batch axis goes to the first sample's account.</summary>
    public static void Keep<TTerm>(this RuleContext context, LedgerEntry entry, TTerm term, long length)
        where TTerm : struct, ITerm
    {
        long rows = length % context.Samples == 0 ? context.Samples : 1;
        ArrayView<float> account = context.Account(entry).SubView(0, rows);
        RowSums.Add(context.Device, term, rows, length / rows, account, context.Scratch(RowSums.ScratchLength(rows, length / rows)));
    }

    /// <summary>c = R / D into <paramref name="denominator"/>'s memory, and the relevance of units with D = 0 into the ledger.</summary>
    public static void Divide(this RuleContext context, ArrayView<float> relevance, ArrayView<float> denominator)
    {
        context.Device.Run(new Coefficient { Relevance = relevance, Denominator = denominator, Target = denominator }, relevance.Length);
        context.Drop(relevance, denominator);
    }

    /// <summary>Reports the relevance of units whose coefficient is 0.</summary>
    public static void Drop(this RuleContext context, ArrayView<float> relevance, ArrayView<float> coefficients) =>
        context.Keep(LedgerEntry.Dropped, new WhereZeroTerm { Values = relevance, Test = coefficients }, relevance.Length);
}
