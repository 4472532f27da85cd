using System.Diagnostics;
using System.Globalization;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kit;
using Backtrace.Gpu.Kit.Report;
using Backtrace.Gpu.Kit.SharedMemory;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (KitOptions.Parse(args) is not { } options)
    return 2;
if (options.Part is { } part)
{
    // Where ILGPU says why the driver refused a kernel.
    Trace.Listeners.Add(new TextWriterTraceListener(Console.Error));
    return Part.Run(part, options);
}

foreach (DeviceInfo info in DeviceList.All)
    Console.WriteLine($"{(info.Id == options.Device ? "*" : " ")} {info.Id,-10} {info.Name}, {info.MemoryBytes / 1e9:F1} GB {info.Obstacle}");
if (DeviceList.All.All(d => d.Kind != DeviceKind.Cuda))
    Console.WriteLine($"There is no CUDA: {CudaDriver.Obstacle()}");
if (!options.Device.StartsWith("cpu", StringComparison.Ordinal) && !DeviceList.All.Any(d => d.Id == options.Device && d.Obstacle == null))
{
    Console.Error.WriteLine($"{options.Device} cannot be used.");
    return 2;
}

return Parts.Run(options);
