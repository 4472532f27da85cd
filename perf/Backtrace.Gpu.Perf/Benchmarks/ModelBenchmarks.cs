using Backtrace.Gpu.Perf.Cases;
using BenchmarkDotNet.Attributes;

namespace Backtrace.Gpu.Perf.Benchmarks;

/// <summary>One explanation against gradient times input, the cheapest explanation that there is.</summary>
[MemoryDiagnoser]
public abstract class ModelBenchmarks
{
    private Case work = null!;
    private Backtracer backtracer = null!;

    [GlobalCleanup]
    public void Cleanup()
    {
        backtracer.Dispose();
        work.Dispose();
    }

    [Benchmark(Baseline = true)]
    public void GradientTimesInput() => work.Gradient();

    [Benchmark]
    public void Explanation() => work.Explain(backtracer);

    [Benchmark]
    public void Forward() => work.Forward();

    protected void Prepare(string name)
    {
        work = Case.Create(name);
        backtracer = new Backtracer(work.Model);
    }
}
