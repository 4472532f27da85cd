namespace Backtrace.Gpu.Targets;

/// <summary>A target does not fit the model's output.</summary>
public sealed class TargetException : ArgumentException
{
    /// <summary>Says what does not fit.</summary>
    public TargetException(string message)
        : base(message)
    {
    }

    /// <summary>Says what does not fit, with the cause.</summary>
    public TargetException(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>For serializers.</summary>
    public TargetException()
    {
    }
}
