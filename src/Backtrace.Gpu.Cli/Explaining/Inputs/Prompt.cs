namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>A prompt and what the model adds to it.</summary>
internal sealed class Prompt
{
    private readonly List<long> generated = [];
    private readonly int most;
    private IEnumerable<long>? rest;

    /// <param name="line">Its text.</param>
    /// <param name="ids">Its tokens.</param>
    /// <param name="most">Most tokens that are generated; 0 where the next one alone is explained.</param>
    /// <param name="generated">Generates them, one after the other.</param>
    internal Prompt(TextLine line, IReadOnlyList<long> ids, int most, IEnumerable<long> generated)
    {
        (Line, Ids, this.most) = (line, ids, most);
        rest = most > 0 ? generated : null;
    }

    internal TextLine Line { get; }

    internal IReadOnlyList<long> Ids { get; }

    /// <summary>What was generated so far.</summary>
    internal IReadOnlyList<long> Generated => generated;

    internal IEnumerable<long> All => Ids.Concat(generated);

    /// <summary>Whether all is generated.</summary>
    internal bool IsWhole => rest is null;

    /// <summary>Tokens to be explained; before all are generated, the most that they can be.</summary>
    internal int Count => IsWhole ? Math.Max(1, generated.Count) : most;

    /// <summary>Generates all that is to be generated. What was there when it failed or was cancelled stays.</summary>
    internal void Complete()
    {
        foreach (long token in rest ?? [])
            generated.Add(token);
        rest = null;
    }
}
