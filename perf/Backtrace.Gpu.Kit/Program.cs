using System.Globalization;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kit;

// gpu-kit [--device cpu|opencl:0|cuda:0] [--fixtures FOLDER]: golden cases, bandwidth and contraction speed of one device.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
string? Option(string name) => Array.IndexOf(args, name) is var at and >= 0 && at + 1 < args.Length ? args[at + 1] : null;
string id = Option("--device") ?? DeviceList.All.First(d => d.Obstacle == null).Id;
string fixtures = Option("--fixtures") ?? Path.Combine(AppContext.BaseDirectory, "fixtures");
foreach (DeviceInfo info in DeviceList.All)
    Console.WriteLine($"{(info.Id == id ? "*" : " ")} {info.Id,-10} {info.Name}, {info.MemoryBytes / 1e9:F1} GB {info.Obstacle}");
try
{
    using Device device = Device.Parse(id);
    bool right = GoldenCases.Run(device, fixtures);
    Speed.Print(device, id);
    return right ? 0 : 1;
}
catch (DeviceException e)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}
