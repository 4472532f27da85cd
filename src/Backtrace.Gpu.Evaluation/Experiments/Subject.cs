using Backtrace.Gpu.Baselines;

namespace Backtrace.Gpu.Evaluation.Experiments;

/// <summary>One input of an experiment: a picture, a row, a sentence. Owns its samples.</summary>
/// <param name="Name">What the tables of results call it, unique in its experiment; line breaks become spaces, as each result is one line.</param>
/// <param name="Samples">The input as a batch of one.</param>
public sealed record Subject(string Name, Samples Samples) : IDisposable
{
    /// <summary>What the tables of results call it.</summary>
    public string Name { get; init; } = Name.ReplaceLineEndings(" ");

    /// <summary>Releases the samples; features stay their owner's.</summary>
    public void Dispose() => Samples.Dispose();
}
