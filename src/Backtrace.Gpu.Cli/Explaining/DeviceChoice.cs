using System.Globalization;
using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>The value of --device: "cpu", "opencl:0", "cuda:1"; the number may be left out.</summary>
internal sealed record DeviceChoice(DeviceKind Kind, int Index)
{
    /// <exception cref="UsageException">No such kind of device.</exception>
    internal static DeviceChoice Parse(string text)
    {
        string[] parts = text.Split(':');
        int index = 0;
        bool numbered = parts.Length == 1 || (parts.Length == 2 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out index));
        DeviceKind? kind = parts[0].ToUpperInvariant() switch
        {
            "CPU" => DeviceKind.Cpu,
            "OPENCL" => DeviceKind.OpenCl,
            "CUDA" => DeviceKind.Cuda,
            _ => null,
        };
        return numbered && kind is { } known && (known != DeviceKind.Cpu || index == 0)
            ? new DeviceChoice(known, index)
            : throw new UsageException($"--device: '{text}' is no device; cpu, opencl:0 and cuda:0 are.{NearNames.Hint(parts[0], ["cpu", "opencl", "cuda"])}");
    }

    /// <summary>Opens the device; null for the processor, which every run opens for itself.</summary>
    /// <exception cref="DeviceException">It is not there or does not work.</exception>
    internal Device? Open() => Kind switch
    {
        DeviceKind.OpenCl => Device.OpenCl(Index),
        DeviceKind.Cuda => Device.Cuda(Index),
        _ => null,
    };
}
