using System.Globalization;

namespace Backtrace.Gpu.Kernels.Execution;

public sealed unsafe partial class Device
{
    /// <summary>Opens the device that people mean by <c>cpu</c>, <c>opencl</c>, <c>opencl:1</c>, <c>cuda</c> or <c>cuda:1</c>.</summary>
    /// <exception cref="DeviceException">The text means no device, or the device is missing or cannot be opened.</exception>
    public static Device Parse(string text)
    {
        string[] parts = text.Split(':');
        int index = 0;
        bool counts = parts.Length == 1 || (parts.Length == 2 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out index));
        return (parts[0].ToLowerInvariant(), counts) switch
        {
            ("cpu", true) when parts.Length == 1 => Cpu(),
            ("opencl", true) => OpenCl(index),
            ("cuda", true) => Cuda(index),
            _ => throw new DeviceException($"'{text}' is not a device. Write cpu, opencl:0 or cuda:0."),
        };
    }
}
