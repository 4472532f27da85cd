namespace Backtrace.Gpu.Tests.Ptx;

/// <summary>Launches a kernel as CUDA does, with CUDA's limits, on the calling thread.</summary>
internal static unsafe class PtxLauncher
{
    private const int MostParameterBytes = 4096;
    private const int MostSharedBytes = 48 << 10;
    private const int MostThreads = 1024;

    internal static void Launch(PtxProgram program, (int X, int Y, int Z) grid, int threads, ReadOnlySpan<byte> parameters, IEnumerable<(ulong Start, ulong Bytes)> given)
    {
        Check(program, grid, threads, parameters.Length);
        PtxGlobalMemory memory = new(PtxRange.Join(given));
        using PtxGroup group = new(program, threads);
        uint first = 0;
        try
        {
            fixed (byte* bytes = parameters)
            {
                for (int z = 0; z < grid.Z; z++)
                {
                    for (int y = 0; y < grid.Y; y++)
                    {
                        for (int x = 0; x < grid.X; x++, first += (uint)threads)
                            group.Run((x, y, z), grid, first, bytes, memory);
                    }
                }
            }
        }
        catch (PtxFault fault) when (fault.Line > 0)
        {
            throw new PtxFault($"{program.Name}, group {first / threads} of {grid} with {threads} threads, line {fault.Line}, '{program.Lines[fault.Line - 1].Trim()}': {fault.Message}") { Line = fault.Line };
        }
    }

    private static void Check(PtxProgram program, (int X, int Y, int Z) grid, int threads, int parameterBytes)
    {
        if (parameterBytes != program.ParameterBytes)
            throw new PtxFault($"{parameterBytes} bytes of parameters are given, {program.ParameterBytes} are declared");
        if (parameterBytes > MostParameterBytes)
            throw new PtxFault($"{parameterBytes} bytes of parameters, CUDA takes {MostParameterBytes}");
        if (program.SharedArrays.Sum(a => a.Bytes) > MostSharedBytes)
            throw new PtxFault($"more than {MostSharedBytes} bytes of shared memory");
        if (threads is < 1 or > MostThreads)
            throw new PtxFault($"{threads} threads in a group, CUDA takes {MostThreads}");
        if (grid.X < 1 || grid.Y is < 1 or > ushort.MaxValue || grid.Z is < 1 or > ushort.MaxValue)
            throw new PtxFault($"a grid of {grid}, CUDA takes {int.MaxValue} by {ushort.MaxValue} by {ushort.MaxValue}");
        if ((double)grid.X * grid.Y * grid.Z * threads >= uint.MaxValue)
            throw new PtxFault("more threads than can be told apart here");
    }
}
