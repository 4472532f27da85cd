using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Perf.Quick;

namespace Backtrace.Gpu.Perf.Profiling;

/// <summary>The contraction libraries of the CPU side by side: what <see cref="Runs.HybridContraction"/> decides by.</summary>
internal static class LibraryComparison
{
    public static int Run(PerfOptions options)
    {
        ContractionPrecision precision = options.BFloat16 ? ContractionPrecision.BFloat16 : ContractionPrecision.Single;
        using Device device = Device.Cpu(OpenMpWorkers.Create());
        using Arena arena = new(device);
        using CpuContraction managed = new(device.Workers, precision, TorchBFloat16.Kernel);
        TorchContraction torch = new(device, arena, precision);
        Console.WriteLine($"{"",-52} {"managed",9} {"libtorch",9}  torch/managed");
        foreach (ContractionShapes.Entry entry in ContractionShapes.All().Where(e => options.Wants(e.Name)))
        {
            using var operands = entry.Allocate(arena);
            Rounds rounds = Rounds.Measure(options.Seconds / 6, () => operands.Run(managed), () => operands.Run(torch));
            Console.WriteLine(
                $"{entry.Name,-52} {Speed(entry, rounds.Median(0)),9:0.0} {Speed(entry, rounds.Median(1)),9:0.0}  {rounds.Ratio(1, 0),5:0.00} ({rounds.Ratio(1, 0, 0.1):0.00} to {rounds.Ratio(1, 0, 0.9):0.00})");
        }

        Console.WriteLine("GFLOP/s; ratio of times, below 1 where libtorch is faster");
        return 0;
    }

    private static double Speed(ContractionShapes.Entry entry, double milliseconds) => entry.Products * 2 / milliseconds / 1e6;
}
