namespace Backtrace.Gpu.Tests.Ptx;

/// <summary>An array in a group's shared memory.</summary>
internal readonly record struct PtxSharedArray(string Name, int Address, int Bytes);

/// <summary>A decoded kernel.</summary>
internal sealed class PtxProgram
{
    /// <summary>What a register holds that nothing was written to: a NaN, no address, a large number.</summary>
    internal const ulong Unwritten = 0x7FF8_BAD0_7FC0_BAD0;

    /// <summary>Special registers, in the order of their slots.</summary>
    internal static readonly string[] Special = ["%tid.x", "%ntid.x", "%ctaid.x", "%ctaid.y", "%ctaid.z", "%nctaid.x", "%nctaid.y", "%nctaid.z"];

    internal required string Name { get; init; }

    internal required string[] Lines { get; init; }

    internal required PtxInstruction[] Instructions
    {
        get;
        init
        {
            field = value;
            HasBarriers = value.Any(i => i.Operation == PtxOperation.Barrier);
        }
    }

    /// <summary>A thread's registers before it starts: special registers first, then constants and <see cref="Unwritten"/>.</summary>
    internal required ulong[] Registers { get; init; }

    internal required PtxSharedArray[] SharedArrays { get; init; }

    internal required int ParameterBytes { get; init; }

    internal bool HasBarriers { get; private init; }
}
