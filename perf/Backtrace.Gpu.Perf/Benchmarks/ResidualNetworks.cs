using BenchmarkDotNet.Attributes;

namespace Backtrace.Gpu.Perf.Benchmarks;

public class ResidualNetworks : ModelBenchmarks
{
    [Params("resnet20", "resnet56")]
    public string Model { get; set; } = "";

    [Params(1, 32)]
    public int Batch { get; set; }

    [GlobalSetup]
    public void Setup() => Prepare($"{Model}/{Batch}");
}
