using System.Diagnostics;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.OpenCL;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>A device of this machine, not opened.</summary>
/// <param name="Id">What <see cref="Device.Parse"/> takes: <c>cpu</c>, <c>opencl:0</c>, <c>cuda:0</c>.</param>
/// <param name="Kind">Kind of device.</param>
/// <param name="Name">Name as the driver gives it.</param>
/// <param name="MemoryBytes">Memory in bytes.</param>
/// <param name="Obstacle">Why it cannot be used, or null.</param>
public sealed record DeviceInfo(string Id, DeviceKind Kind, string Name, long MemoryBytes, string? Obstacle = null);

/// <summary>The devices of this machine.</summary>
public static class DeviceList
{
    /// <summary>NVIDIA GPUs first, then OpenCL devices, then the processor.</summary>
    public static IReadOnlyList<DeviceInfo> All { get; } = [.. Cuda(), .. OpenCl(), Cpu()];

    /// <summary>
    /// Bytes read and written per second, in GB, when a device copies <paramref name="megabytes"/> MB from one place of its memory to another:
    /// the best of several runs, of the driver's copy and of a kernel.
    /// </summary>
    public static double MeasureCopyBandwidth(Device device, int megabytes = 256)
    {
        long length = megabytes * 1_000_000L / sizeof(float);
        using Arena arena = new(device);
        ArrayView<float> source = arena.Rent(length).View.SubView(0, length);
        ArrayView<float> target = arena.Rent(length).View.SubView(0, length);
        device.Run(new Fill { Target = source, Value = 1 }, length);
        double best = double.MaxValue;
        for (int run = 0; run < 12; run++)
        {
            long start = Stopwatch.GetTimestamp();
            if (run % 2 == 0)
                device.Run(new Copy { Source = source, Target = target }, length, 2);
            else
                device.CopyMemory(source, target);
            device.Synchronize();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return 2.0 * length * sizeof(float) / best / 1e9;
    }

    private static DeviceInfo Cpu() =>
        new("cpu", DeviceKind.Cpu, $"CPU, {Counted.Of(Environment.ProcessorCount, "thread")}", GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

    private static DeviceInfo[] Cuda() =>
        [.. CudaDevices.Find().Select((device, index) => new DeviceInfo($"cuda:{index}", DeviceKind.Cuda, device.Name, device.MemorySize, CudaDevices.Obstacle(device)))];

    private static DeviceInfo[] OpenCl()
    {
        DriverLibraries.Register();
        try
        {
            using Context context = Context.Create(b => b.OpenCL(_ => true));
            List<DeviceInfo> found = [];
            foreach (CLDevice device in context.GetCLDevices())
            {
                string? obstacle = device.Capabilities.GenericAddressSpace ? null : "lacks OpenCL's generic address space";
                found.Add(new DeviceInfo($"opencl:{found.Count}", DeviceKind.OpenCl, device.Name, device.MemorySize, obstacle));
            }

            return [.. found];
        }
        catch (Exception e) when (e is AcceleratorException or DllNotFoundException or NotSupportedException)
        {
            // A driver that is half installed counts as none.
            return [];
        }
    }
}
