using Backtrace.Gpu.Models;
using Backtrace.Gpu.Runs;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Everything that a run of `backtrace explain` found, in input order.</summary>
/// <param name="Model">The model.</param>
/// <param name="Name">Its folder's name.</param>
/// <param name="Samples">The inputs.</param>
/// <param name="Explained">One per input.</param>
/// <param name="Batches">One per pass.</param>
internal sealed record ExplainResult(ModelDescription Model, string Name, Samples Samples, IReadOnlyList<Explained> Explained, IReadOnlyList<BatchFacts> Batches)
{
    internal Account Mean => Account.Mean([.. Explained.Select(e => e.Account)]);

    internal double Seconds => Batches.Sum(b => b.Facts.ForwardSeconds + b.Facts.RelevanceSeconds);

    /// <summary>The pass that explained an input, and the input's place in it.</summary>
    internal (BatchFacts Batch, int Place) BatchOf(int sample)
    {
        foreach (BatchFacts batch in Batches)
        {
            if (sample < batch.First + batch.Count)
                return (batch, sample - batch.First);
        }

        throw new ArgumentOutOfRangeException(nameof(sample));
    }
}

/// <summary>One pass over some inputs.</summary>
/// <param name="First">Its first input.</param>
/// <param name="Count">Number of inputs.</param>
/// <param name="File">Name of the safetensors file.</param>
/// <param name="Facts">How it was made.</param>
/// <param name="Ledger">One row per input.</param>
internal sealed record BatchFacts(int First, int Count, string File, RunFacts Facts, Ledger Ledger);
