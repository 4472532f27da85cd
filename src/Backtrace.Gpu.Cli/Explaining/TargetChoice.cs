using Backtrace.Gpu.Targets;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>What is explained of each input: one class or token for all, or the one that has a rank among an input's own answers.</summary>
/// <param name="Class">Position of the class, or number of the token; null for that of <paramref name="Rank"/>.</param>
/// <param name="Rank">0 for the most likely one, 1 for the next.</param>
internal sealed record TargetChoice(int? Class, int Rank = 0)
{
    internal static TargetChoice Argmax { get; } = new((int?)null);

    /// <summary>What people call it.</summary>
    public string Name { get; init; } = Rank == 0 ? "argmax" : $"rank {Rank + 1}";

    /// <summary>What the names of its files end with; empty where it is the only target of a run.</summary>
    public string Suffix { get; init; } = "";

    internal bool IsAlone => Suffix.Length == 0;

    /// <summary>The explained one among the scores of one input.</summary>
    internal Score Of(Score[] all) => Class is { } chosen ? all[chosen] : Rank == 0 ? all.MaxBy(score => score.Output)! : all[RankedTarget.IndexOf(Array.ConvertAll(all, score => score.Output), Rank)];

    /// <summary>Of an output [N, C].</summary>
    internal Target ToTarget() => Class is { } index ? Target.Class(index) : Rank == 0 ? Target.Argmax() : new RankedTarget(Rank, null);

    /// <summary>Of an output [N, T, V], at one position.</summary>
    internal Target ToToken(int position) => Class is null && Rank > 0 ? new RankedTarget(Rank, position) : Target.NextToken(Class is { } token ? [token] : null, [position]);
}
