using Backtrace.Gpu.Perf.Cases;
using BenchmarkDotNet.Attributes;
using TorchSharp;

namespace Backtrace.Gpu.Perf.Benchmarks;

/// <summary>Integrated Gradients with 50 steps, as users run it for one sample.</summary>
public class PathMethods
{
    private Case work = null!;
    private Backtracer backtracer = null!;
    private IntegratedGradients integrated = null!;

    [Params("resnet20/1", "resnet56/1")]
    public string Model { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        work = Case.Create(Model);
        backtracer = new Backtracer(work.Model);
        integrated = new IntegratedGradients(work.Model, 50);
    }

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
    public void IntegratedGradients()
    {
        using torch.Tensor relevance = integrated.Explain(work.Input);
    }
}
