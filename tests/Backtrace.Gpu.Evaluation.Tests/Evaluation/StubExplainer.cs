using Backtrace.Gpu.Baselines;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Evaluation;

/// <summary>An explainer that is a function.</summary>
internal sealed class StubExplainer(Func<Samples, Tensor> explain) : IExplainer
{
    public string Name => "stub";

    public Tensor Explain(Samples samples, CancellationToken cancellation = default) => explain(samples).DetachFromDisposeScope();

    /// <summary>Uniform attributions, the same in each call.</summary>
    internal static StubExplainer Random(int seed = 0) => new(samples =>
    {
        using Generator generator = new();
        generator.manual_seed(seed);
        return rand(samples.Input.shape, generator: generator);
    });

    public void Dispose()
    {
    }
}
