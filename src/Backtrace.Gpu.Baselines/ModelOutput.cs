namespace Backtrace.Gpu.Baselines;

/// <summary>Which number of a model is explained, or followed by a metric.</summary>
public enum ModelOutput
{
    /// <summary>The target's probability, as <see cref="ExplainedModel.Probabilities"/> gives it.</summary>
    Probability,

    /// <summary>The target's score before softmax.</summary>
    Score,
}
