using System.Runtime.InteropServices;
using Backtrace.Gpu.Baselines;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>A random explainer whose numbers depend on the input too: otherwise all inputs that are explained alone would get the same ones.</summary>
/// <param name="name">Its name.</param>
/// <param name="seed">Seed of all numbers.</param>
/// <param name="create">Makes the explainer of a seed.</param>
internal sealed class SeededByInput(string name, int seed, Func<int, IExplainer> create) : IExplainer
{
    public string Name => name;

    public Tensor Explain(Samples samples, CancellationToken cancellation = default)
    {
        using Tensor numbers = samples.Input.to(float64).contiguous();
        uint hash = 2166136261;
        foreach (byte b in MemoryMarshal.AsBytes(numbers.data<double>().ToArray().AsSpan()))
            hash = (hash ^ b) * 16777619; // FNV-1a
        using IExplainer explainer = create(unchecked((int)hash + seed));
        return explainer.Explain(samples, cancellation);
    }

    public void Dispose()
    {
    }
}
