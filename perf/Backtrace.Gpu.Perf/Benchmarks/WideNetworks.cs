using BenchmarkDotNet.Attributes;

namespace Backtrace.Gpu.Perf.Benchmarks;

/// <summary>Eight dense layers of 1024 units.</summary>
public class WideNetworks : ModelBenchmarks
{
    [Params(1, 64)]
    public int Batch { get; set; }

    [GlobalSetup]
    public void Setup() => Prepare($"wide/{Batch}");
}
