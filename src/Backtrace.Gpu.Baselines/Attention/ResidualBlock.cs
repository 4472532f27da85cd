using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>A sum of the residual stream and what a block makes of it. Owns nothing; <see cref="AttentionTap"/> holds the tensors.</summary>
/// <param name="Stream">[N, T, width].</param>
/// <param name="Branch">[N, T, width].</param>
/// <param name="Attention">The attention that the branch comes from; null for a feed-forward block.</param>
/// <param name="Projection">Matrix of the linear layer that ends the branch, [inputs, width].</param>
internal sealed record ResidualBlock(Tensor Stream, Tensor Branch, AttentionCall? Attention, Tensor Projection);
