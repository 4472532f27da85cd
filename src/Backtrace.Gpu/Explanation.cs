using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Runs;
using Backtrace.Gpu.Targets;
using static TorchSharp.torch;

namespace Backtrace.Gpu;

/// <summary>
/// The result of one explanation, in host memory. Owns its tensors. Default mode has one relevance, read from here; contrastive mode has
/// <see cref="Positive"/> and <see cref="Negative"/>.
/// </summary>
public sealed partial class Explanation : IDisposable
{
    private readonly RelevanceStream[] streams;
    private readonly Tensor prediction;
    private bool isDisposed;

    internal Explanation(RelevanceStream[] streams, Tensor prediction, RunFacts facts)
    {
        this.streams = streams;
        this.prediction = prediction;
        Facts = facts;
    }

    /// <summary>Whether there is one relevance or two.</summary>
    public Mode Mode => streams.Length == 2 ? Mode.Contrastive : Mode.Default;

    /// <summary>The one relevance of default mode, or the supporting and the opposing one.</summary>
    public IReadOnlyList<RelevanceStream> Streams => streams;

    /// <summary>Contrastive mode: relevance that supports the target.</summary>
    /// <exception cref="InvalidOperationException">The explanation is of default mode.</exception>
    public RelevanceStream Positive => Of(Mode.Contrastive, 0);

    /// <summary>Contrastive mode: relevance that opposes the target.</summary>
    /// <exception cref="InvalidOperationException">The explanation is of default mode.</exception>
    public RelevanceStream Negative => Of(Mode.Contrastive, 1);

    /// <summary>Default mode: relevance of the (first) input, shaped like it: [N, ...].</summary>
    /// <exception cref="InvalidOperationException">The explanation is of contrastive mode, as for the other members of default mode.</exception>
    public Tensor Input => Inputs[0];

    /// <summary>Default mode: relevance of every input.</summary>
    public IReadOnlyList<Tensor> Inputs => Of(Mode.Default, 0).Inputs;

    /// <summary>Default mode: relevance at the outputs of the layers that <see cref="BacktracerOptions.Layers"/> named.</summary>
    public IReadOnlyDictionary<string, Tensor> Layers => Of(Mode.Default, 0).Layers;

    /// <summary>Default mode: relevance at the output of a layer.</summary>
    /// <exception cref="KeyNotFoundException">It was not asked for, or no relevance passed it.</exception>
    public Tensor this[string layer] => Of(Mode.Default, 0)[layer];

    /// <summary>Default mode: where the relevance went.</summary>
    public Ledger Ledger => Of(Mode.Default, 0, evenDisposed: true).Ledger;

    /// <summary>The model's output that was explained, [N, ...], as fp32.</summary>
    public Tensor Prediction
    {
        get
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            return prediction;
        }
    }

    /// <summary>Target, device, times, memory.</summary>
    public RunFacts Facts { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        isDisposed = true;
        foreach (RelevanceStream stream in streams)
            stream.Dispose();
        prediction.Dispose();
    }

    private RelevanceStream Of(Mode mode, int index, bool evenDisposed = false)
    {
        ObjectDisposedException.ThrowIf(isDisposed && !evenDisposed, this);
        if (Mode == mode)
            return streams[index];
        throw new InvalidOperationException(mode == Mode.Default
            ? "A contrastive explanation has two relevances: read Positive and Negative."
            : "This explanation is of default mode, with one relevance: set BacktracerOptions.Mode to Mode.Contrastive for Positive and Negative.");
    }
}
