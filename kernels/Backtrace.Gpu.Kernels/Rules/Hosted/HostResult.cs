namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>What a rule made of a node's relevance.</summary>
/// <param name="Relevance">Relevance of each input; null for one that the rule gives none.</param>
/// <param name="Ledger">Sums of what stayed at the node, one per sample; entries that the rule does not use are missing.</param>
public sealed record HostResult(IReadOnlyList<HostTensor?> Relevance, IReadOnlyDictionary<LedgerEntry, float[]> Ledger);
