namespace Backtrace.Gpu;

/// <summary>A model or an input cannot be explained as it is: NaN or infinite weights, an empty batch, a wrong shape.</summary>
public sealed class InvalidModelException : ArgumentException
{
    /// <summary>Names the parameter or input and says what to do.</summary>
    public InvalidModelException(string message)
        : base(message)
    {
    }

    /// <summary>Names the parameter or input and says what to do, with the cause.</summary>
    public InvalidModelException(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>For serializers.</summary>
    public InvalidModelException()
    {
    }

    /// <summary>The first sample of the batch that is at fault, counted from 0; null where the batch has one, or where samples are not to blame.</summary>
    public long? Sample { get; init; }
}
