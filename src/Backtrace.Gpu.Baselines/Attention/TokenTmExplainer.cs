using Backtrace.Gpu.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// TokenTM (Wu, Duan, Kang, Tang and Yan, "Token Transformation Matters: Towards Faithful Post-hoc Explanation for Vision Transformer", CVPR 2024, arXiv
/// 2403.14552): attention weights together with how much blocks change the tokens, by length and direction, over all layers. Reconstructed from descriptions, not from the full text, and not
/// from its code. What is computed:
/// <list type="bullet">
/// <item>A block takes the tokens e of the residual stream to ẽ, which it adds to them: in a feed-forward block, what it adds; in attention, the token's values
/// through the output projection, without its bias, before tokens are mixed.</item>
/// <item>w_i = |ẽ_i| / |e_i| · exp(cos(e_i, ẽ_i)) / mean_k exp(cos(e_k, ẽ_k)), where the mean is over tokens that somebody attends to, so padding does not count.</item>
/// <item>The map starts as the diagonal matrix of the token lengths |e_i| before the first block. Attention adds Ā·W·C to it and a feed-forward block W·C, where W is the
/// diagonal matrix of w, and Ā is as in <see cref="AttentionGradientExplainer"/>.</item>
/// <item>The result is the row of the token from which the answer is read.</item>
/// </list>
/// Layer normalisation is left out: e is the stream itself, whether blocks normalise before or after.
/// </summary>
/// <param name="model">A model of residual blocks, [N, T, width], each ending in a linear layer whose result is added to the stream; every attention is in one.</param>
/// <param name="options">From which token the answer is read.</param>
public sealed class TokenTmExplainer(ExplainedModel model, AttentionOptions? options = null) : IExplainer
{
    private readonly AttentionOptions options = options ?? new AttentionOptions();

    /// <inheritdoc/>
    public string Name => "TokenTM";

    /// <inheritdoc/>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        using DisposeScope scope = NewDisposeScope();
        using AttentionReading reading = AttentionReading.Of(model, samples, Name, needsGradients: true);
        using var quiet = no_grad();
        if (!reading.Blocks.Select(b => b.Attention).OfType<AttentionCall>().SequenceEqual(reading.Calls))
            throw new ExplainerException($"{Name}: {Counted.Of(reading.Calls.Count, "attention was", "attentions were")} seen, but not each ends in a linear layer whose result is added to a residual stream of [N, T, width].");
        Tensor seen = Seen(reading.Calls[0]), map = diag_embed(Length(reading.Blocks[0].Stream));
        foreach (ResidualBlock block in reading.Blocks)
        {
            Tensor weights = Transformation(block.Stream, Transformed(block), seen);
            Tensor moved = weights.unsqueeze(-1) * map;
            map = map + (block.Attention is { } call ? reading.WeightedByGradient(call).matmul(moved) : moved);
        }

        return reading.Row(map, options.Position).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    /// <summary>How much a block changes each token, [N, T], by length and direction.</summary>
    /// <param name="before">[N, T, width].</param>
    /// <param name="after">[N, T, width].</param>
    /// <param name="seen">1 for tokens that count in the mean, else 0: [N, T].</param>
    internal static Tensor Transformation(Tensor before, Tensor after, Tensor seen)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor e = before.to(float32), t = after.to(float32), lengths = Length(e);
        Tensor cosine = (e * t).sum(-1) / (lengths * Length(t)).clamp_min(1e-12);
        Tensor correlation = cosine.exp();
        Tensor mean = (correlation * seen).sum(-1, keepdim: true) / seen.sum(-1, keepdim: true);
        return (Length(t) / lengths.clamp_min(1e-12) * correlation / mean).MoveToOuterDisposeScope();
    }

    private static Tensor Length(Tensor tokens) => tokens.to(float32).pow(2).sum(-1).sqrt();

    private static Tensor Seen(AttentionCall call) => call.Weights.sum([1, 2]).gt(0).to(float32);

    private static Tensor Transformed(ResidualBlock block)
    {
        if (block.Attention is not { Value: var value })
            return block.Branch;
        Tensor merged = value.transpose(1, 2).flatten(2);
        return merged.matmul(block.Projection.to(float32));
    }
}
