using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>What a run of `backtrace explain` found, in input order.</summary>
/// <param name="Model">The model.</param>
/// <param name="Name">Its folder's name.</param>
/// <param name="Samples">The inputs.</param>
/// <param name="Explained">One per input and target; where there is a report, of the first ones only.</param>
/// <param name="Totals">Sums over all inputs and targets.</param>
/// <param name="Batches">One per saved explanation.</param>
internal sealed record ExplainResult(ModelDescription Model, string Name, Samples Samples, IReadOnlyList<Explained> Explained, Totals Totals, IReadOnlyList<BatchFacts> Batches)
{
    /// <summary>What was written of the inputs while they were explained; null where all of them are kept.</summary>
    public Report? Report { get; init; }

    /// <summary>What the activations of the kept layers were like.</summary>
    public IReadOnlyDictionary<string, LayerActivity> Activities { get; init; } = new Dictionary<string, LayerActivity>();

    /// <summary>Why inputs were left out, a message for each.</summary>
    public IReadOnlyList<string> Skipped { get; init; } = [];

    /// <summary>Whether evidence kept its sign.</summary>
    public bool IsFaithful { get; init; }

    /// <summary>Whether the model's weights were bf16.</summary>
    public bool IsHalf { get; init; }

    /// <summary>What a share says of direction, for the hints of pages.</summary>
    internal string Pull => IsFaithful ? ": orange speaks for the answer, blue against it" : ", whichever way it pulled";

    internal bool IsContrastive => Explained[0].Opposing is not null;

    /// <summary>Number of explanations: of inputs, times that of targets.</summary>
    internal int Count => Totals.Count;

    /// <summary>"8 pictures"; "16 explanations" where each picture has several.</summary>
    internal string CountOf(string noun) => Counted.Of(Count, Count > Samples.Count ? "explanation" : noun);

    internal Account Mean => Totals.Account / Count;

    /// <summary>Mean account of the opposing relevance; null in default mode.</summary>
    internal Account? OpposingMean => IsContrastive ? Totals.Opposing / Count : null;

    internal IReadOnlyList<NodeTotals> Nodes => NodeTotals.Mean(Batches.Select(batch => batch.Nodes[0]), Count);

    /// <summary>The ledger of the opposing relevance; null in default mode.</summary>
    internal IReadOnlyList<NodeTotals>? OpposingNodes => IsContrastive ? NodeTotals.Mean(Batches.Select(batch => batch.Nodes[1]), Count) : null;

    /// <summary>"8 explained tokens": what means are over.</summary>
    internal string Averaged => CountOf(Samples is PromptSamples ? "explained token" : "input");

    internal double Seconds => Batches.Sum(b => b.Facts.ForwardSeconds + b.Facts.RelevanceSeconds);

    /// <summary>What the model answered to an input, in words.</summary>
    internal string Answer(int n) => Words.Answer(Explained[n], k => Samples.ClassName(k, Model));
}
