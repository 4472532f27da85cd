namespace Backtrace.Gpu.Runs;

/// <summary>The relevance that a node received is not what it handed on and reported: the result cannot be trusted.</summary>
public sealed class LedgerException : Exception
{
    /// <summary>Names the node and the figures.</summary>
    public LedgerException(string message)
        : base(message)
    {
    }

    /// <summary>Names the node and the figures, with the cause.</summary>
    public LedgerException(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>The node where relevance is missing; null if it is missing in all only.</summary>
    internal string? Node { get; init; }

    /// <summary>For serializers.</summary>
    public LedgerException()
    {
    }
}
