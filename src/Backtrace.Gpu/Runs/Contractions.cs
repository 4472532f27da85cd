using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Runs;

/// <summary>Chooses what computes the dense products of a device.</summary>
internal static class Contractions
{
    /// <exception cref="DeviceException">The library does not run on this device.</exception>
    public static IContraction Create(Device device, Arena arena, ContractionPrecision precision, ContractionLibrary library) => (device.Kind == DeviceKind.Cpu, library) switch
    {
        (true, ContractionLibrary.Auto) => new HybridContraction(device, arena, precision),
        (true, ContractionLibrary.Managed) => new CpuContraction(device.Workers, precision, TorchBFloat16.Kernel),
        (true, ContractionLibrary.Torch) => new TorchContraction(device, arena, precision),
        (false, _) when precision == ContractionPrecision.BFloat16 =>
            throw new DeviceException($"bf16 operands are not supported on {device.Name}: use fp32, or the CPU."),
        (false, ContractionLibrary.Auto or ContractionLibrary.Tiled) => new TiledContraction(device, arena),
        _ => throw new DeviceException($"The contraction library {library} does not run on {device.Name}: use ContractionLibrary.Auto."),
    };
}
