using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Runs;

/// <summary>Chooses what computes the dense products of a device.</summary>
internal static class Contractions
{
    public static IContraction Create(Device device, Arena arena, ContractionPrecision precision) => device.Kind switch
    {
        DeviceKind.Cpu => new CpuContraction(device.Workers, precision),
        _ => new TiledContraction(device, arena),
    };
}
