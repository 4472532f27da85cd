using System.Runtime.InteropServices;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU.Runtime.Cuda;

namespace Backtrace.Gpu.Kit.Report;

/// <summary>What the figures were measured on.</summary>
internal static class Machine
{
    /// <summary>The device, and the processor that feeds it.</summary>
    internal static string Line(string device)
    {
        string name = DeviceList.All.FirstOrDefault(d => d.Id == device)?.Name ?? device;
        string processor = $"{Processor()}, {Environment.ProcessorCount} threads";
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

    private static string Processor()
    {
        const string cpuInfo = "/proc/cpuinfo";
        string? line = File.Exists(cpuInfo) ? File.ReadLines(cpuInfo).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line?[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString();
    }
}
