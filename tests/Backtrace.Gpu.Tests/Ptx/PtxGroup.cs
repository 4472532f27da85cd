using System.Runtime.InteropServices;

namespace Backtrace.Gpu.Tests.Ptx;

/// <summary>
/// Runs groups of threads one after the other, and the threads of a group in turns from barrier to barrier: all must come to the same one. Without barriers a thread runs
/// to its end, and the next takes over its registers.
/// </summary>
internal sealed unsafe class PtxGroup : IDisposable
{
    private readonly PtxProgram program;
    private readonly PtxSharedMemory shared;
    private readonly int threads;
    private readonly int[] positions;
    private readonly ulong* registers;

    internal PtxGroup(PtxProgram program, int threads)
    {
        this.program = program;
        this.threads = threads;
        shared = new PtxSharedMemory(program.SharedArrays);
        positions = new int[threads];
        registers = (ulong*)NativeMemory.Alloc((nuint)((program.HasBarriers ? threads : 1) * program.Registers.Length), sizeof(ulong));
    }

    /// <summary>Runs one group; <paramref name="index"/> is its place in the grid, <paramref name="first"/> the number of its first thread in the launch.</summary>
    internal void Run((int X, int Y, int Z) index, (int X, int Y, int Z) grid, uint first, byte* parameters, PtxGlobalMemory memory)
    {
        shared.Open();
        fixed (PtxInstruction* code = program.Instructions)
        {
            if (!program.HasBarriers)
            {
                for (int t = 0; t < threads; t++)
                {
                    Prepare(registers, t, index, grid);
                    PtxThread.Run(code, 0, registers, parameters, memory, shared, (uint)t, first + (uint)t);
                }

                return;
            }

            for (int t = 0; t < threads; t++)
                Prepare(registers + t * program.Registers.Length, t, index, grid);
            positions.AsSpan().Clear();
            do
            {
                for (int t = 0; t < threads; t++)
                    positions[t] = PtxThread.Run(code, positions[t], registers + t * program.Registers.Length, parameters, memory, shared, (uint)t, first + (uint)t);
                CheckBarrier();
                shared.Pass();
            }
            while (positions[0] != PtxThread.Ended);
        }
    }

    public void Dispose() => NativeMemory.Free(registers);

    private void Prepare(ulong* slots, int thread, (int X, int Y, int Z) index, (int X, int Y, int Z) grid)
    {
        program.Registers.CopyTo(new Span<ulong>(slots, program.Registers.Length));
        ReadOnlySpan<int> special = [thread, threads, index.X, index.Y, index.Z, grid.X, grid.Y, grid.Z];
        for (int k = 0; k < special.Length; k++)
            slots[k] = (uint)special[k];
    }

    private void CheckBarrier()
    {
        int other = Array.FindIndex(positions, p => p != positions[0]);
        if (other >= 0)
            throw new PtxFault($"divergent barrier: thread 0 {Where(positions[0])}, thread {other} {Where(positions[other])}") { Line = LineOf(Math.Max(positions[0], positions[other])) };
    }

    private string Where(int position) => position == PtxThread.Ended ? "has ended" : $"waits in line {LineOf(position)}";

    private int LineOf(int position) => program.Instructions[position - 1].Line;
}
