using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Tests.Rules;

namespace Backtrace.Gpu.Kit;

/// <summary>Runs the golden operator cases and prints the worst error of each operator.</summary>
internal static class GoldenCases
{
    /// <returns>True if all cases are within their tolerance.</returns>
    internal static bool Run(Device device, string folder)
    {
        SortedDictionary<string, (int Cases, double Worst)> byOperator = [];
        int passed = 0, failed = 0;
        foreach (string path in Directory.EnumerateFiles(folder, "*.default.safetensors").Order(StringComparer.Ordinal))
        {
            using SafeTensorsFile file = new(path);
            OperatorFixture fixture = new(file);
            if (!fixture.IsCovered)
                continue;
            string[] faults = Run(device, fixture, out double worst);
            (int cases, double before) = byOperator.GetValueOrDefault(fixture.Operator);
            byOperator[fixture.Operator] = (cases + 1, Math.Max(before, worst));
            if (faults.Length == 0)
                passed++;
            else
                failed++;
            foreach (string fault in faults)
                Console.WriteLine($"FAILED {Path.GetFileName(path)}: {fault}");
        }

        Console.WriteLine();
        Console.WriteLine($"{"golden cases",-22} {"cases",6} {"worst error",12}");
        foreach ((string name, (int cases, double worst)) in byOperator)
            Console.WriteLine($"{name,-22} {cases,6} {worst,12:E1}");
        Console.WriteLine($"{passed} passed, {failed} failed");
        return failed == 0 && passed > 0;
    }

    private static string[] Run(Device device, OperatorFixture fixture, out double worst)
    {
        try
        {
            OperatorFixtureResult result = fixture.Run(device);
            worst = result.Worst;
            return [.. result.Faults];
        }
#pragma warning disable CA1031 // A kernel that does not compile on this device must not hide the others.
        catch (Exception e)
#pragma warning restore CA1031
        {
            worst = double.NaN;
            return [$"{e.GetType().Name}: {e.GetBaseException().Message}"];
        }
    }
}
