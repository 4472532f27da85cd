using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Perf;
using ILGPU.Runtime.Cuda;

namespace Backtrace.Gpu.Kit.Report;

/// <summary>What the figures were measured on.</summary>
internal static class Machine
{
    /// <summary>The device, and the processor that feeds it.</summary>
    internal static string Line(string device)
    {
        string name = DeviceList.All.FirstOrDefault(d => d.Id == device)?.Name ?? device;
        string processor = $"{Processor.Name}, {Environment.ProcessorCount} threads";
        return device == "cpu" ? processor : $"{name}{Driver(device)}; {processor}";
    }

    private static string Driver(string device)
    {
        foreach ((int index, CudaDevice cuda) in CudaDevices.Find().Index())
        {
            if (device == $"cuda:{index}")
                return $", {cuda.MemorySize / 1e9:F0} GB, {cuda.Architecture}, PTX {cuda.InstructionSet}, driver of CUDA {cuda.DriverVersion.Major}.{cuda.DriverVersion.Minor}";
        }

        return "";
    }
}
