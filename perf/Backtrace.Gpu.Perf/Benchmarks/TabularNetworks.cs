using BenchmarkDotNet.Attributes;

namespace Backtrace.Gpu.Perf.Benchmarks;

public class TabularNetworks : ModelBenchmarks
{
    [Params(1, 4096)]
    public int Batch { get; set; }

    [GlobalSetup]
    public void Setup() => Prepare($"lending/{Batch}");
}
