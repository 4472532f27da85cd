using Backtrace.Gpu.Runs;
using static TorchSharp.torch;

namespace Backtrace.Gpu;

/// <summary>Relevance of one kind: all of it in default mode, the supporting or the opposing one in contrastive mode. Lives as long as its explanation.</summary>
public sealed class RelevanceStream
{
    private readonly IReadOnlyList<Tensor> inputs;
    private readonly IReadOnlyDictionary<string, Tensor> layers;
    private bool isDisposed;

    internal RelevanceStream(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, Tensor> layers, Ledger ledger)
    {
        this.inputs = inputs;
        this.layers = layers;
        Ledger = ledger;
    }

    /// <summary>Relevance of the (first) input, shaped like it: [N, ...].</summary>
    public Tensor Input => Inputs[0];

    /// <summary>Relevance of every input.</summary>
    public IReadOnlyList<Tensor> Inputs => Alive(inputs);

    /// <summary>Relevance at the outputs of the layers that <see cref="BacktracerOptions.Layers"/> named.</summary>
    public IReadOnlyDictionary<string, Tensor> Layers => Alive(layers);

    /// <summary>Where the relevance went.</summary>
    public Ledger Ledger { get; }

    /// <summary>Relevance at the output of a layer.</summary>
    /// <exception cref="KeyNotFoundException">It was not asked for, or no relevance passed it.</exception>
    public Tensor this[string layer] => Layers.TryGetValue(layer, out Tensor? found)
        ? found
        : throw new KeyNotFoundException($"No relevance was kept for '{layer}': it is not named in BacktracerOptions.Layers, or none passed it, as of a layer that the explained output does not depend on. Kept are: {string.Join(", ", Layers.Keys.DefaultIfEmpty("none"))}.");

    internal void Dispose()
    {
        isDisposed = true;
        foreach (Tensor tensor in inputs.Concat(layers.Values))
            tensor.Dispose();
    }

    private T Alive<T>(T value)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        return value;
    }
}
