using System.Collections.Concurrent;
using System.Globalization;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Tests.Support;

namespace Backtrace.Gpu.Tests.Golden;

/// <summary>Worst relative error per operator, mode and device, written to artifacts/fixtures.txt when the golden tests are over.</summary>
internal static class GoldenTable
{
    private static readonly ConcurrentDictionary<(string Device, Mode Mode, string Op), (int Cases, double Error, string Worst)> Rows = new();

    internal static void Add(string device, Mode mode, string op, string name, double error) =>
        Rows.AddOrUpdate((device, mode, op), (1, error, name), (_, row) => (row.Cases + 1, Math.Max(row.Error, error), error > row.Error ? name : row.Worst));

    internal static void Write()
    {
        string folder = Path.Combine(Path.GetDirectoryName(Path.GetDirectoryName(Support.Fixtures.Path("x"))!)!, "..", "artifacts");
        Directory.CreateDirectory(folder);
        IEnumerable<string> lines = Rows.OrderBy(r => r.Key.Device).ThenBy(r => r.Key.Mode).ThenBy(r => r.Key.Op).Select(r =>
            string.Create(CultureInfo.InvariantCulture, $"{r.Key.Device,-10} {r.Key.Mode,-12} {r.Key.Op,-22} {r.Value.Cases,4} {r.Value.Error,10:E1}  {r.Value.Worst}"));
        File.WriteAllLines(Path.Combine(folder, "fixtures.txt"), [$"{"device",-10} {"mode",-12} {"operator",-22} {"n",4} {"error",10}  worst case", .. lines]);
    }
}
