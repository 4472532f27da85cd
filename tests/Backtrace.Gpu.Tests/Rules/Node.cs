using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>A host array with its shape.</summary>
internal sealed record Values(float[] Data, params long[] Shape)
{
    internal double Sum => Data.Sum(v => (double)v);

    internal static Values Of(long[] shape, Func<int, float> value) =>
        new([.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(value)], shape);
}

/// <summary>One node to run a rule on. A null relevance is an output that nobody used.</summary>
internal sealed record Node(Operation Operation, Values[] Inputs, Values?[] Relevance, int Samples)
{
    internal Dictionary<string, Values> Parameters { get; init; } = [];

    /// <summary>The other stream of contrastive mode; <see cref="Relevance"/> is the supporting one.</summary>
    internal Values?[] Opposing { get; init; } = [];

    /// <summary>Shapes of the outputs; those of the relevance unless given.</summary>
    internal long[][]? OutputShapes { get; init; }

    internal Values? Output { get; init; }

    /// <summary>Tells the rule that no input is negative.</summary>
    internal bool NonNegative { get; init; }

    internal Saturation Saturation { get; init; }
}

/// <summary>What a rule left: relevance per input (null where it gave none) and the ledger, per sample.</summary>
internal sealed record Outcome(Values?[] Relevance, Dictionary<LedgerEntry, float[]> Ledger)
{
    internal double Total => Relevance.Sum(r => r?.Sum ?? 0) + Ledger.Values.Sum(entry => entry.Sum(v => (double)v));
}
