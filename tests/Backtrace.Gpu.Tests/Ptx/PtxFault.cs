namespace Backtrace.Gpu.Tests.Ptx;

/// <summary>PTX that cannot be read, or does what a GPU would not forgive.</summary>
internal sealed class PtxFault(string message) : Exception(message)
{
    /// <summary>Line of the PTX, from 1; 0 if none is to blame.</summary>
    internal int Line { get; init; }
}
