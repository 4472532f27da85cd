using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kit.Attention;

namespace Backtrace.Gpu.Kit;

/// <summary>Opens the device that is measured.</summary>
internal static class KitDevice
{
    /// <summary>Copies of cuBLAS that Python packages have brought along come after those that the library finds by itself.</summary>
    internal static Device Open(KitOptions options)
    {
        Device device = Device.Parse(options.Device);
        if (device.Kind == DeviceKind.Cuda)
            device.CuBlas = device.CuBlas.Concat(OfPython(options.Python));
        return device;
    }

    // Python is asked when all others were of no use.
    private static IEnumerable<CuBlasLibrary> OfPython(string python)
    {
        foreach (CuBlasLibrary library in CuBlasLibrary.Load(TorchScript.Libraries(python)))
            yield return library;
    }
}
