namespace Backtrace.Gpu.Evaluation;

/// <summary>Which number of the model a metric follows.</summary>
public enum ModelOutput
{
    /// <summary>The target's probability.</summary>
    Probability,

    /// <summary>The target's score before softmax.</summary>
    Score,
}
