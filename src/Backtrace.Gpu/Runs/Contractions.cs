using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Runs;

/// <summary>Chooses what computes the dense products of a device.</summary>
internal static class Contractions
{
    /// <exception cref="DeviceException">The library does not run on this device, or not with this precision.</exception>
    public static IContraction Create(Device device, Arena arena, ContractionPrecision precision, ContractionLibrary library) => (device.Kind, library) switch
    {
        (DeviceKind.Cpu, ContractionLibrary.Auto) => new HybridContraction(device, arena, precision),
        (DeviceKind.Cpu, ContractionLibrary.Managed) => new CpuContraction(device.Workers, precision, TorchBFloat16.Kernel),
        (DeviceKind.Cpu, ContractionLibrary.Torch) => new TorchContraction(device, arena, precision),
        (DeviceKind.Cuda, ContractionLibrary.Auto) => OfCuda(device, arena, precision),
        (DeviceKind.Cuda, ContractionLibrary.Tiled) when precision == ContractionPrecision.BFloat16 =>
            throw new DeviceException($"bf16 operands need cuBLAS on {device.Name}: use fp32, or ContractionLibrary.Auto."),
        (not DeviceKind.Cpu, _) when precision == ContractionPrecision.BFloat16 =>
            throw new DeviceException($"bf16 operands are not supported on {device.Name}: use fp32, or the CPU."),
        (not DeviceKind.Cpu, ContractionLibrary.Auto or ContractionLibrary.Tiled) => new TiledContraction(device, arena),
        _ => throw new DeviceException($"The contraction library {library} does not run on {device.Name}: use ContractionLibrary.Auto."),
    };

    private static IContraction OfCuda(Device device, Arena arena, ContractionPrecision precision)
    {
        if (CuBlasContraction.TryCreate(device, arena, precision, out string obstacle) is { } contraction)
            return contraction;
        return precision == ContractionPrecision.Single
            ? new TiledContraction(device, arena)
            : throw new DeviceException($"bf16 operands need cuBLAS on {device.Name}, and {obstacle}: use fp32, or the CPU.");
    }
}
