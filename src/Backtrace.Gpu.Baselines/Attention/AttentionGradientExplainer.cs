using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// Attention times gradient (Chefer, Gur and Wolf, "Generic Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder Transformers", ICCV 2021,
/// arXiv 2103.15679), for self-attention: R starts as the identity, and each layer adds Ā·R, where Ā is the mean over heads of the positive part of the weights
/// times the gradient of the class score with respect to them. The result is R's row of the token from which the answer is read; that token's own entry
/// includes the 1 of the identity, where the authors' code, which reads [CLS], puts 0.
/// </summary>
/// <param name="model">A model with self-attention in each layer; how it is written does not matter.</param>
/// <param name="options">From which token the answer is read.</param>
public sealed class AttentionGradientExplainer(ExplainedModel model, AttentionOptions? options = null) : IExplainer
{
    private readonly AttentionOptions options = options ?? new AttentionOptions();

    /// <inheritdoc/>
    public string Name => "Attention x gradient";

    /// <inheritdoc/>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        using DisposeScope scope = NewDisposeScope();
        using AttentionReading reading = AttentionReading.Of(model, samples, Name, needsGradients: true);
        using var quiet = no_grad();
        Tensor relevance = eye(reading.Tokens, device: samples.Input.device).expand(samples.Count, -1, -1);
        foreach (AttentionCall call in reading.Calls)
            relevance = relevance + reading.WeightedByGradient(call).matmul(relevance);
        return reading.Row(relevance, options.Position).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
