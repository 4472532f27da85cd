using System.Runtime.CompilerServices;

namespace Backtrace.Gpu.Tests.Ptx;

/// <summary>
/// The memory that one launch may touch, at the host's addresses. Notes for each 32-bit word who wrote it and who read it: a launch orders its threads in no way, so
/// that a word that one writes is for no other thread.
/// </summary>
internal sealed unsafe class PtxGlobalMemory
{
    private const uint Nobody = 0;
    private const uint Several = uint.MaxValue;

    private readonly PtxRange[] ranges;
    private readonly Marks[] marks;

    internal PtxGlobalMemory(PtxRange[] ranges)
    {
        this.ranges = ranges;
        marks = new Marks[ranges.Length == 0 ? 0 : ranges[^1].Word + (int)((ranges[^1].Bytes + 3) / 4)];
    }

    /// <summary>Reads a word for a thread, which is numbered from 0 in the launch.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal uint Read(ulong* registers, PtxInstruction* i, uint thread)
    {
        ulong address = registers[i->A] + (ulong)i->Offset;
        ref Marks mark = ref Find(address, i);
        uint me = thread + 1;
        if (mark.Writer != Nobody && mark.Writer != me)
            throw Race(i, address, thread, "reads", mark.Writer, "wrote");
        if (mark.Reader != me)
            mark.Reader = mark.Reader == Nobody ? me : Several;
        return *(uint*)address;
    }

    /// <summary>Writes a word for a thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Write(ulong* registers, PtxInstruction* i, uint thread)
    {
        ulong address = registers[i->A] + (ulong)i->Offset;
        ref Marks mark = ref Find(address, i);
        uint me = thread + 1;
        if (mark.Writer != Nobody && mark.Writer != me)
            throw Race(i, address, thread, "writes", mark.Writer, "wrote");
        if (mark.Reader != Nobody && mark.Reader != me)
            throw Race(i, address, thread, "writes", mark.Reader, "read");
        mark.Writer = me;
        *(uint*)address = (uint)registers[i->D];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ref Marks Find(ulong address, PtxInstruction* i)
    {
        if ((address & 3) != 0)
            throw new PtxFault($"global address {address:x} is no multiple of 4") { Line = i->Line };
        if ((uint)i->Range >= (uint)ranges.Length || address - ranges[i->Range].Start >= ranges[i->Range].Bytes)
            Search(address, i);
        ref PtxRange range = ref ranges[i->Range];
        return ref marks[range.Word + (int)((address - range.Start) >> 2)];
    }

    private void Search(ulong address, PtxInstruction* i)
    {
        for (i->Range = 0; i->Range < ranges.Length; i->Range++)
        {
            if (address - ranges[i->Range].Start < ranges[i->Range].Bytes)
                return;
        }

        string near = string.Join(", ", ranges.Select(r => $"{r.Start:x} to {r.Start + r.Bytes:x}"));
        throw new PtxFault($"global address {address:x} is outside of what the kernel was given: {near}") { Line = i->Line };
    }

    private static PtxFault Race(PtxInstruction* i, ulong address, uint thread, string does, uint other, string did) =>
        new($"race on global memory: thread {thread} {does} {address:x}, which {(other == Several ? "several threads" : $"thread {other - 1}")} {did}") { Line = i->Line };

    private struct Marks
    {
        internal uint Writer;
        internal uint Reader;
    }
}
