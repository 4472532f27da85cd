using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// Attention rollout (Abnar and Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020, arXiv 2005.00928): per layer the mean of the heads' weights, half
/// of it and half of the identity for the residual connection, rows normalised to 1; the product over layers says how much of each input token is in each last
/// one. Says nothing about classes: all targets get the same. Defaults are the paper's.
/// </summary>
/// <param name="model">A model with self-attention in each layer; how it is written does not matter.</param>
/// <param name="options">From which token the answer is read.</param>
public sealed class AttentionRolloutExplainer(ExplainedModel model, AttentionOptions? options = null) : IExplainer
{
    private readonly AttentionOptions options = options ?? new AttentionOptions();

    /// <inheritdoc/>
    public string Name => "Attention rollout";

    /// <inheritdoc/>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        using DisposeScope scope = NewDisposeScope();
        using AttentionReading reading = AttentionReading.Of(model, samples, Name, needsGradients: false);
        Tensor itself = eye(reading.Tokens, device: samples.Input.device), rollout = itself.expand(samples.Count, -1, -1);
        foreach (AttentionCall call in reading.Calls)
        {
            Tensor step = 0.5 * call.Weights.mean([1]) + 0.5 * itself;
            rollout = (step / step.sum(-1, keepdim: true)).matmul(rollout);
        }

        return reading.Row(rollout, options.Position).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
