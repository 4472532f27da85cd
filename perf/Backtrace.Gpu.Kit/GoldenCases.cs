using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kit.Report;
using Backtrace.Gpu.Perf.Quick;
using Backtrace.Gpu.Tests.Rules;

namespace Backtrace.Gpu.Kit;

/// <summary>Runs the golden operator cases of both modes. Those of models need libtorch for their forward passes, and are not here.</summary>
internal static class GoldenCases
{
    /// <summary>With products by our kernels, and on CUDA by cuBLAS too if there is one.</summary>
    /// <returns>True if all cases are within their tolerance.</returns>
    internal static bool Run(KitOptions options, Figures figures)
    {
        bool right = true;
        foreach (bool usesCuBlas in options.IsCuda ? new[] { false, true } : [false])
        {
            if (usesCuBlas && !HasCuBlas(options))
                continue;
            using DeviceHolder holder = new(options, usesCuBlas);
            foreach (string mode in new[] { "default", "contrastive" })
            {
                (int passed, int failed, string note) = Run(holder.Open, options.Fixtures, mode);
                right &= failed == 0 && passed > 0;
                figures.Add(new Bar($"golden cases, {(usesCuBlas ? "cuBLAS, " : "")}{mode}: failed", failed, 0, false, "cases", $"{passed} passed; {note}"));
            }
        }

        return right;
    }

    private static bool HasCuBlas(KitOptions options)
    {
        using Device device = KitDevice.Open(options);
        using Arena arena = new(device);
        using CuBlasContraction? contraction = CuBlasContraction.TryCreate(device, arena, ContractionPrecision.Single, out string obstacle);
        Console.WriteLine(contraction == null ? $"Golden cases run without cuBLAS: {obstacle}." : $"cuBLAS {contraction.Version}");
        return contraction != null;
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
    private sealed class DeviceHolder(KitOptions options, bool usesCuBlas) : IDisposable
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

            if (device == null)
            {
                device = KitDevice.Open(options);
                if (!usesCuBlas)
                    device.CuBlas = [];
            }

            return device;
        }

        public void Dispose()
        {
            device?.Dispose();
            device = null;
        }
    }
}
