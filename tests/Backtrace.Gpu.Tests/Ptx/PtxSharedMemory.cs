using System.Runtime.CompilerServices;

namespace Backtrace.Gpu.Tests.Ptx;

/// <summary>
/// The shared memory of a group. Notes for each 32-bit word who wrote and read it since which barrier: between two barriers a word that one thread writes is for no
/// other thread, and nothing is read before it is written.
/// </summary>
internal sealed unsafe class PtxSharedMemory
{
    private const uint Several = ushort.MaxValue;

    private readonly PtxRange[] ranges;
    private readonly uint[] words;
    private readonly Marks[] marks;
    private ulong phase;
    private ulong groupStart;

    internal PtxSharedMemory(IEnumerable<PtxSharedArray> arrays)
    {
        ranges = PtxRange.Join(arrays.Select(a => ((ulong)a.Address, (ulong)a.Bytes)));
        words = new uint[ranges.Length == 0 ? 0 : ranges[^1].Word + (int)(ranges[^1].Bytes / 4)];
        marks = new Marks[words.Length];
    }

    /// <summary>A new group: nothing is written yet.</summary>
    internal void Open() => groupStart = ++phase;

    /// <summary>All threads have come to a barrier.</summary>
    internal void Pass() => phase++;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Read(ulong* registers, PtxInstruction* i, uint thread) => registers[i->D] = Read(Find(registers, i, 4), i, thread);

    internal void ReadVector(ulong* registers, PtxInstruction* i, uint thread)
    {
        int word = Find(registers, i, 16);
        registers[i->D] = Read(word, i, thread);
        registers[i->B] = Read(word + 1, i, thread);
        registers[i->C] = Read(word + 2, i, thread);
        registers[i->E] = Read(word + 3, i, thread);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Write(ulong* registers, PtxInstruction* i, uint thread) => Write(Find(registers, i, 4), registers[i->D], i, thread);

    internal void WriteVector(ulong* registers, PtxInstruction* i, uint thread)
    {
        int word = Find(registers, i, 16);
        Write(word, registers[i->D], i, thread);
        Write(word + 1, registers[i->B], i, thread);
        Write(word + 2, registers[i->C], i, thread);
        Write(word + 3, registers[i->E], i, thread);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint Read(int word, PtxInstruction* i, uint thread)
    {
        ref Marks mark = ref marks[word];
        if (mark.Written < groupStart)
            throw new PtxFault($"thread {thread} reads a word of shared memory that was never written") { Line = i->Line };
        if (mark.Written == phase && mark.Writer != thread)
            throw Race(i, thread, "reads", mark.Writer, "wrote");
        if (mark.Read != phase)
            (mark.Read, mark.Reader) = (phase, thread);
        else if (mark.Reader != thread)
            mark.Reader = Several;
        return words[word];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Write(int word, ulong value, PtxInstruction* i, uint thread)
    {
        ref Marks mark = ref marks[word];
        if (mark.Written == phase && mark.Writer != thread)
            throw Race(i, thread, "writes", mark.Writer, "wrote");
        if (mark.Read == phase && mark.Reader != thread)
            throw Race(i, thread, "writes", mark.Reader, "read");
        (mark.Written, mark.Writer) = (phase, thread);
        words[word] = (uint)value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Find(ulong* registers, PtxInstruction* i, uint bytes)
    {
        ulong address = registers[i->A] + (ulong)i->Offset;
        if ((address & (bytes - 1)) != 0)
            throw new PtxFault($"shared address {address} is no multiple of {bytes}") { Line = i->Line };
        if ((uint)i->Range >= (uint)ranges.Length || address - ranges[i->Range].Start >= ranges[i->Range].Bytes - (bytes - 4))
            Search(address, i, bytes);
        ref PtxRange range = ref ranges[i->Range];
        return range.Word + (int)((address - range.Start) >> 2);
    }

    private void Search(ulong address, PtxInstruction* i, uint bytes)
    {
        for (i->Range = 0; i->Range < ranges.Length; i->Range++)
        {
            if (address - ranges[i->Range].Start < ranges[i->Range].Bytes && address - ranges[i->Range].Start + bytes <= ranges[i->Range].Bytes)
                return;
        }

        throw new PtxFault($"shared address {address} is outside of every array: {string.Join(", ", ranges.Select(r => $"{r.Start} to {r.Start + r.Bytes}"))}") { Line = i->Line };
    }

    private static PtxFault Race(PtxInstruction* i, uint thread, string does, uint other, string did) =>
        new($"race on shared memory: thread {thread} {does} what {(other == Several ? "several threads" : $"thread {other}")} {did} since the last barrier") { Line = i->Line };

    private struct Marks
    {
        internal ulong Written;
        internal ulong Read;
        internal uint Writer;
        internal uint Reader;
    }
}
