using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Everything that a run of `backtrace explain` found, in input order.</summary>
/// <param name="Model">The model.</param>
/// <param name="Name">Its folder's name.</param>
/// <param name="Samples">The inputs.</param>
/// <param name="Explained">One per input.</param>
/// <param name="Batches">One per saved explanation.</param>
internal sealed record ExplainResult(ModelDescription Model, string Name, Samples Samples, IReadOnlyList<Explained> Explained, IReadOnlyList<BatchFacts> Batches)
{
    /// <summary>What the activations of the kept layers were like.</summary>
    public IReadOnlyDictionary<string, LayerActivity> Activities { get; init; } = new Dictionary<string, LayerActivity>();

    /// <summary>Why inputs were left out, a message for each.</summary>
    public IReadOnlyList<string> Skipped { get; init; } = [];

    /// <summary>Whether evidence kept its sign.</summary>
    public bool IsFaithful { get; init; }

    /// <summary>What a share says of direction, for the hints of pages.</summary>
    internal string Pull => IsFaithful ? ": orange speaks for the answer, blue against it" : ", whichever way it pulled";

    internal bool IsContrastive => Explained[0].Opposing is not null;

    internal Account Mean => Account.Mean([.. Explained.Select(e => e.Account)]);

    /// <summary>Mean account of the opposing relevance; null in default mode.</summary>
    internal Account? OpposingMean => IsContrastive ? Account.Mean([.. Explained.Select(e => e.Opposing!.Account)]) : null;

    internal IReadOnlyList<NodeTotals> Nodes => NodeTotals.Mean(Batches.Select(batch => batch.Nodes[0]), Explained.Count);

    /// <summary>The ledger of the opposing relevance; null in default mode.</summary>
    internal IReadOnlyList<NodeTotals>? OpposingNodes => IsContrastive ? NodeTotals.Mean(Batches.Select(batch => batch.Nodes[1]), Explained.Count) : null;

    /// <summary>"8 explained tokens": what means are over.</summary>
    internal string Averaged => Counted.Of(Explained.Count, Samples is PromptSamples ? "explained token" : "input");

    internal double Seconds => Batches.Sum(b => b.Facts.ForwardSeconds + b.Facts.RelevanceSeconds);

    /// <summary>What a class or token is called.</summary>
    internal string ClassName(int k) => Samples is PromptSamples prompts ? prompts.PieceOf(k).Text : Model.Classes[k];

    /// <summary>What the model answered to an input, in words.</summary>
    internal string Answer(int n) => Words.Answer(Explained[n], ClassName);

    /// <summary>The pass that explained an input, and the input's place in it.</summary>
    internal (BatchFacts Batch, int Place) BatchOf(int sample)
    {
        int low = 0, high = Batches.Count - 1;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (sample < Batches[middle].First + Batches[middle].Count)
                high = middle;
            else
                low = middle + 1;
        }

        return (Batches[low], sample - Batches[low].First);
    }
}
