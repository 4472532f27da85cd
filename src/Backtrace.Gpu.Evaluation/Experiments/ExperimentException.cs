namespace Backtrace.Gpu.Evaluation.Experiments;

/// <summary>An experiment cannot run as it was asked for; says why and what to do.</summary>
public sealed class ExperimentException : Exception
{
    /// <summary>Says what does not fit and what to do.</summary>
    public ExperimentException(string message) : base(message)
    {
    }

    /// <inheritdoc cref="ExperimentException(string)"/>
    public ExperimentException(string message, Exception inner) : base(message, inner)
    {
    }
}
