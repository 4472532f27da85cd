using Backtrace.Gpu.Runs;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>One saved explanation of some inputs.</summary>
/// <param name="File">Name of the safetensors file.</param>
/// <param name="Facts">How it was made; times are its share of the pass.</param>
/// <param name="Nodes">Sums over its inputs of what passed the nodes; in contrastive mode of the supporting and of the opposing relevance.</param>
internal sealed record BatchFacts(string File, RunFacts Facts, IReadOnlyList<IReadOnlyList<NodeTotals>> Nodes)
{
    /// <summary>Reads an explanation; <paramref name="together"/> of them were made in one pass and share its time.</summary>
    internal static BatchFacts Of(Explanation explanation, string file, int together = 1)
    {
        RunFacts facts = explanation.Facts;
        facts = facts with { ForwardSeconds = facts.ForwardSeconds / together, RelevanceSeconds = facts.RelevanceSeconds / together };
        return new BatchFacts(file, facts, [.. explanation.Streams.Select(stream => NodeTotals.Of(stream.Ledger))]);
    }
}
