using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kit.Attention;
using Backtrace.Gpu.Kit.Report;
using Backtrace.Gpu.Kit.SharedMemory;

namespace Backtrace.Gpu.Kit;

/// <summary>What one process of the kit measures: a kernel that faults takes its process's use of the GPU along, and no more.</summary>
internal static class Part
{
    internal static readonly string[] Names = ["golden", "speed", "attention", "own-context", "primary-context"];

    /// <summary>False if the part is a question of CUDA and the device is another.</summary>
    internal static bool IsFor(string part, KitOptions options) => options.IsCuda || !part.EndsWith("-context", StringComparison.Ordinal);

    /// <returns>0 if all is well, 1 if results are wrong or the part failed.</returns>
    internal static int Run(string part, KitOptions options)
    {
        Figures figures = new(Console.Out, Machine.Line(options.Device));
        try
        {
            return Measure(part, options, figures) ? 0 : 1;
        }
#pragma warning disable CA1031 // Whatever it was, the other parts are still to be measured.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Console.WriteLine($"{part}: {Fault.Text(e)}");
            return 1;
        }
        finally
        {
            if (options.Json is { } path)
                figures.Write(path);
        }
    }

    private static bool Measure(string part, KitOptions options, Figures figures)
    {
        switch (part)
        {
            case "golden":
                return GoldenCases.Run(options, figures);
            case "speed":
                using (Device device = KitDevice.Open(options))
                    Speed.Measure(device, options, figures);
                return true;
            case "attention":
                return AttentionComparison.Measure(options, figures);
            case "own-context" or "primary-context":
                SharedMemoryExperiment.Run(options, part == "primary-context", figures);
                return true;
            default:
                throw new ArgumentException($"There is no part {part}: {string.Join(", ", Names)}.");
        }
    }
}
