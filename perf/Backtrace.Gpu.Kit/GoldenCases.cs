using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kit.Report;
using Backtrace.Gpu.Perf.Quick;
using Backtrace.Gpu.Tests.Rules;

namespace Backtrace.Gpu.Kit;

/// <summary>Runs the golden operator cases of both modes. Those of models need libtorch for their forward passes, and are not here.</summary>
internal static class GoldenCases
{
    /// <returns>True if all cases are within their tolerance.</returns>
    internal static bool Run(string id, string folder, Figures figures)
    {
        bool right = true;
        using DeviceHolder holder = new(id);
        foreach (string mode in new[] { "default", "contrastive" })
        {
            (int passed, int failed, string note) = Run(holder.Open, folder, mode);
            right &= failed == 0 && passed > 0;
            figures.Add(new Bar($"golden cases, {mode}: failed", failed, 0, false, "cases", $"{passed} passed; {note}"));
        }

        return right;
    }

    /// <summary>Runs the cases of a mode; <paramref name="open"/> gives the device for each.</summary>
    internal static (int Passed, int Failed, string Note) Run(Func<Device> open, string folder, string mode)
    {
        int passed = 0, failed = 0;
        (double error, string name) worst = (0, "none");
        foreach (string path in Directory.EnumerateFiles(folder, $"*.{mode}.safetensors").Order(StringComparer.Ordinal))
        {
            using SafeTensorsFile file = new(path);
            OperatorFixture fixture = new(file);
            if (!fixture.IsCovered)
                continue;
            string[] faults = Run(open, fixture, out double error);
            if (error > worst.error)
                worst = (error, file.Metadata["case"]);
            (passed, failed) = faults.Length == 0 ? (passed + 1, failed) : (passed, failed + 1);
            foreach (string fault in faults)
                Console.WriteLine($"FAILED {Path.GetFileName(path)}: {fault}");
        }

        return (passed, failed, $"largest error {worst.error:0.0E+0} of the maximum ({worst.name})");
    }

    private static string[] Run(Func<Device> open, OperatorFixture fixture, out double worst)
    {
        try
        {
            OperatorFixtureResult result = fixture.Run(open());
            worst = result.Worst;
            return [.. result.Faults];
        }
#pragma warning disable CA1031 // A kernel that does not compile on this device must not hide the others.
        catch (Exception e)
#pragma warning restore CA1031
        {
            worst = double.NaN;
            return [Fault.Text(e)];
        }
    }

    /// <summary>Opens a device, and opens it again once it has failed.</summary>
    private sealed class DeviceHolder(string id) : IDisposable
    {
        private Device? device;

        internal Device Open()
        {
            try
            {
                device?.Synchronize();
            }
            catch (DeviceException)
            {
                Dispose();
            }

            return device ??= Device.Parse(id);
        }

        public void Dispose()
        {
            device?.Dispose();
            device = null;
        }
    }
}
