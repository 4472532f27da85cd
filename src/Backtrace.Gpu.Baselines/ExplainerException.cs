namespace Backtrace.Gpu.Baselines;

/// <summary>A method cannot explain a model or an input.</summary>
public sealed class ExplainerException : Exception
{
    /// <summary>Names the method and says what does not fit and what to do.</summary>
    public ExplainerException(string message) : base(message)
    {
    }

    /// <inheritdoc cref="ExplainerException(string)"/>
    public ExplainerException(string message, Exception inner) : base(message, inner)
    {
    }
}
