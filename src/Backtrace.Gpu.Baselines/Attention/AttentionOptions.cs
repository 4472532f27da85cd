namespace Backtrace.Gpu.Baselines;

/// <summary>Which token is explained by the methods that follow attention.</summary>
public sealed record AttentionOptions
{
    /// <summary>
    /// The token from which the model reads its answer: 0, the default, for classifiers with a classifying token such as BERT's [CLS], -1 for the last one,
    /// which language models need.
    /// </summary>
    public long Position { get; init; }
}
