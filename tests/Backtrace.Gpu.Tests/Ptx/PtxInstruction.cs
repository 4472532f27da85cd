namespace Backtrace.Gpu.Tests.Ptx;

/// <summary>
/// A decoded instruction. Operands are slots of a thread's registers, constants among them: the destination and then the sources; of a store, what is stored and
/// then the address; of a branch, the instruction to go on with and then the condition.
/// </summary>
internal struct PtxInstruction
{
    internal PtxOperation Operation;
    internal int D;
    internal int A;
    internal int B;
    internal int C;

    /// <summary>The last of the sources of a vector.</summary>
    internal int E;

    /// <summary>Bytes beyond the address.</summary>
    internal int Offset;

    /// <summary>Line of the text.</summary>
    internal int Line;

    /// <summary>Which range of memory it last reached: where to look first.</summary>
    internal int Range;
}
