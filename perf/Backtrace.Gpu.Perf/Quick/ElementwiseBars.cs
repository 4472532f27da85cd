namespace Backtrace.Gpu.Perf.Quick;

/// <summary>How close the slowest elementwise kernel of each device comes to the device's copy bandwidth.</summary>
internal static class ElementwiseBars
{
    private const double Least = 0.7;

    public static void Measure(Summary summary)
    {
        foreach (var device in ElementwiseBandwidth.Measure().GroupBy(row => row.Device))
        {
            BandwidthRow[] kernels = [.. device.Where(row => !row.Kernel.StartsWith("Copy", StringComparison.Ordinal))];
            double copy = device.Max(row => row.GigabytesPerSecond / row.RatioToCopy);
            string note = string.Join(", ", kernels.Select(row => $"{row.Kernel} {row.RatioToCopy:0.00}"));
            summary.Add(new Bar($"{device.Key} elementwise kernels / copy", kernels.Min(row => row.RatioToCopy), Least, true, "ratio", $"copy {copy:0.0} GB/s; {note}"));
        }
    }
}
