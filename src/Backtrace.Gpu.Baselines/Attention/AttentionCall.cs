using Backtrace.Gpu.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>One attention of a forward pass: result = weights · values. Owns nothing; <see cref="AttentionTap"/> holds the tensors.</summary>
/// <param name="weights">[N, heads, T, S]; without history.</param>
/// <param name="value">[N, heads, S, width]; without history.</param>
/// <param name="watched">The tensor of the model whose gradient tells that of the weights.</param>
/// <param name="isFused">Whether that is the result; else it is the weights themselves.</param>
internal sealed class AttentionCall(Tensor weights, Tensor value, Tensor watched, bool isFused)
{
    /// <summary>[N, heads, T, S].</summary>
    internal Tensor Weights => weights;

    /// <summary>[N, heads, S, width].</summary>
    internal Tensor Value => value;

    /// <summary>The tensor of the model whose gradient tells that of the weights.</summary>
    internal Tensor Watched => watched;

    /// <summary>Gradient of the weights, [N, heads, T, S], from that of <see cref="Watched"/>.</summary>
    internal Tensor WeightGradient(Tensor gradient)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor own = ByHeads(gradient.to(float32), weights.shape[0]);
        return (isFused ? own.matmul(value.transpose(-2, -1)) : own.alias()).MoveToOuterDisposeScope();
    }

    /// <summary>The weights that torch's scaled_dot_product_attention uses and does not show: softmax(scale · q·kᵀ + mask), and 0 where nothing may be seen.</summary>
    /// <param name="query">[..., heads, T, d].</param>
    /// <param name="key">[..., heads, S, d], or fewer heads, each shared by several of the queries' in a row.</param>
    /// <param name="mask">Booleans, true where a key may be seen, or numbers to add; null for nothing.</param>
    /// <param name="isCausal">Whether query t sees keys 0 to t only.</param>
    /// <param name="scale">1/√d when null.</param>
    internal static Tensor WeightsOf(Tensor query, Tensor key, Tensor? mask, bool isCausal, double? scale)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor k = Shared(key, query).to(float32);
        Tensor scores = query.to(float32).matmul(k.transpose(-2, -1)) * (scale ?? 1 / Math.Sqrt(query.shape[^1]));
        if (isCausal)
            scores = scores.masked_fill(ones([query.shape[^2], key.shape[^2]], ScalarType.Bool, query.device).tril().logical_not(), double.NegativeInfinity);
        if (mask is not null)
            scores = mask.dtype == ScalarType.Bool ? scores.masked_fill(mask.logical_not(), double.NegativeInfinity) : scores + mask.to(float32);
        return scores.softmax(-1).nan_to_num(0).MoveToOuterDisposeScope();
    }

    /// <summary>Keys or values with one head per head of the queries.</summary>
    internal static Tensor Shared(Tensor x, Tensor query) =>
        x.dim() >= 3 && x.shape[^3] != query.shape[^3] ? x.repeat_interleave(query.shape[^3] / x.shape[^3], -3) : x.alias();

    /// <summary>[N, heads, a, b] of a tensor with these axes, or with the first two as one, or with neither where N is 1.</summary>
    /// <exception cref="ExplainerException">It has other axes.</exception>
    internal static Tensor ByHeads(Tensor x, long samples)
    {
        long[] shape = x.shape;
        bool fits = shape.Length switch
        {
            2 => samples == 1,
            3 => shape[0] % samples == 0,
            4 => shape[0] == samples,
            _ => false,
        };
        return fits
            ? x.reshape(samples, -1, shape[^2], shape[^1])
            : throw new ExplainerException($"An attention of shape [{string.Join(", ", shape)}] cannot be parted among {Counted.Of(samples, "sample")}: [samples, heads, queries, keys] is understood.");
    }
}
