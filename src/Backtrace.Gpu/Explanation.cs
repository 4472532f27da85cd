using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Runs;
using Backtrace.Gpu.Targets;
using static TorchSharp.torch;

namespace Backtrace.Gpu;

/// <summary>The result of one explanation, in host memory. Owns its tensors.</summary>
public sealed partial class Explanation : IDisposable
{
    private readonly IReadOnlyList<Tensor> inputs;
    private readonly IReadOnlyDictionary<string, Tensor> layers;
    private readonly Tensor prediction;
    private bool isDisposed;

    internal Explanation(IReadOnlyList<Tensor> inputs, IReadOnlyDictionary<string, Tensor> layers, Tensor prediction, Ledger ledger, RunFacts facts)
    {
        this.inputs = inputs;
        this.layers = layers;
        this.prediction = prediction;
        Ledger = ledger;
        Facts = facts;
    }

    /// <summary>Relevance of the (first) input, shaped like it: [N, ...].</summary>
    public Tensor Input => Inputs[0];

    /// <summary>Relevance of every input.</summary>
    public IReadOnlyList<Tensor> Inputs => Alive(inputs);

    /// <summary>Relevance at the outputs of the layers that <see cref="BacktracerOptions.Layers"/> named.</summary>
    public IReadOnlyDictionary<string, Tensor> Layers => Alive(layers);

    /// <summary>Relevance at the output of a layer.</summary>
    /// <exception cref="KeyNotFoundException">It was not asked for, or no relevance passed it.</exception>
    public Tensor this[string layer] => Layers.TryGetValue(layer, out Tensor? found)
        ? found
        : throw new KeyNotFoundException($"No relevance was kept for '{layer}'. Name it in BacktracerOptions.Layers; kept are: {string.Join(", ", Layers.Keys.DefaultIfEmpty("none"))}.");

    /// <summary>The model's output, [N, ...].</summary>
    public Tensor Prediction => Alive(prediction);

    /// <summary>Where the relevance went.</summary>
    public Ledger Ledger { get; }

    /// <summary>Target, device, times, memory.</summary>
    public RunFacts Facts { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        isDisposed = true;
        foreach (Tensor tensor in inputs.Concat(layers.Values))
            tensor.Dispose();
        prediction.Dispose();
    }

    private T Alive<T>(T value)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        return value;
    }
}

/// <summary>How an explanation was made.</summary>
/// <param name="Target">What was explained.</param>
/// <param name="Device">Where.</param>
/// <param name="Precision">Operand precision of the dense products.</param>
/// <param name="ForwardSeconds">Time of the recorded forward pass.</param>
/// <param name="RelevanceSeconds">Time of the relevance pass, shared by all targets of the pass.</param>
/// <param name="PeakBytes">Most memory in use for recorded activations and relevance at a time.</param>
public sealed record RunFacts(string Target, string Device, ContractionPrecision Precision, double ForwardSeconds, double RelevanceSeconds, long PeakBytes);
