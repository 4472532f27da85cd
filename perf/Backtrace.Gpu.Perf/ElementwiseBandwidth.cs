using System.Diagnostics;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using ILGPU;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Perf;

/// <summary>Speed of one kernel on one device.</summary>
/// <param name="Device">Id of the device.</param>
/// <param name="Kernel">Name of the kernel.</param>
/// <param name="GigabytesPerSecond">Bytes that it must read and write, per second.</param>
/// <param name="RatioToCopy">That, as a share of the device's copy bandwidth in the same minute.</param>
public sealed record BandwidthRow(string Device, string Kernel, double GigabytesPerSecond, double RatioToCopy);

/// <summary>
/// How close the kernels of the elementwise rules come to the bandwidth of a plain copy. Kernels and copies take turns, the best run of
/// each counts: other load on the machine hits both.
/// </summary>
public static class ElementwiseBandwidth
{
    /// <summary>Measures every usable device with arrays of <paramref name="length"/> floats.</summary>
    public static IReadOnlyList<BandwidthRow> Measure(long length = 16 << 20, int runs = 15)
    {
        List<BandwidthRow> rows = [];
        foreach (DeviceInfo info in DeviceList.All.Where(d => d.Obstacle == null))
        {
            using Device device = Device.Parse(info.Id);
            rows.AddRange(Measure(device, info.Id, length, runs));
        }

        return rows;
    }

    /// <summary>Measures one device.</summary>
    public static IReadOnlyList<BandwidthRow> Measure(Device device, string id, long length, int runs)
    {
        using Arena arena = new(device);
        ArrayView<float> Array(float value)
        {
            ArrayView<float> view = arena.Rent(length).View.SubView(0, length);
            device.Run(new Fill { Target = view, Value = value }, length);
            return view;
        }

        ArrayView<float> a = Array(1), b = Array(-2), c = Array(3), d = Array(4), e = Array(5);
        ArrayView<float> sums = arena.Rent(1).View.SubView(0, 1), scratch = arena.Rent(RowSums.ScratchLength(1, length)).View;
        AddRule.PairTerm pair = new() { A = a, B = b, Relevance = c, ToA = d, ToB = e };
        (string Name, int Accesses, Action<long> Run)[] tasks =
        [
            ("Copy (kernel)", 2, n => device.Run(new Copy { Source = a, Target = b }, n, 2)),
            ("Copy (driver)", 2, n => device.CopyMemory(a.SubView(0, n), b.SubView(0, n))),
            ("Coefficient", 3, n => device.Run(new Coefficient { Relevance = a, Denominator = c, Target = c }, n, 3)),
            ("ScaleByAbsolute", 3, n => device.Run(new ScaleByAbsolute { Activation = a, Values = c }, n, 3)),
            ("Accumulate", 3, n => device.Run(new Accumulate { Source = a, Target = c }, n, 3)),
            ("Add rule", 5, n => RowSums.Add(device, pair, 1, n, sums, scratch)),
        ];
        // Until the run-time compiler has settled.
        for (int run = 0; run < 64; run++)
        {
            foreach (var task in tasks)
                task.Run(Math.Min(length, 1 << 16));
        }

        double[] best = new double[tasks.Length];
        for (int run = 0; run < runs; run++)
        {
            for (int k = 0; k < tasks.Length; k++)
            {
                long start = Stopwatch.GetTimestamp();
                tasks[k].Run(length);
                device.Synchronize();
                double speed = tasks[k].Accesses * sizeof(float) * length / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9;
                best[k] = Math.Max(best[k], speed);
            }
        }

        double copy = Math.Max(best[0], best[1]);
        return [.. tasks.Select((t, k) => new BandwidthRow(id, t.Name, best[k], best[k] / copy))];
    }
}
