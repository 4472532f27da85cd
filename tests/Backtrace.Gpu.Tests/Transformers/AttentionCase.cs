using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Transformers;

/// <summary>Which keys a query of a test sees.</summary>
public enum Masking
{
    None,
    Causal,
    Boolean,
    Additive,
}

/// <summary>Random queries, keys and values, and attention over them as one operator or written out.</summary>
internal sealed class AttentionCase(int samples, int heads, int queries, int keys, int width, int valueWidth, Masking masking, int seed)
{
    private readonly Generator generator = new Generator().manual_seed(seed);

    private Tensor? mask;

    internal Masking Masking => masking;

    internal int Queries => queries;

    internal int Keys => keys;

    /// <summary>[samples, heads, length, width] of queries, keys and values.</summary>
    internal Tensor[] Inputs() => [Normal(samples, heads, queries, width), Normal(samples, heads, keys, width), Normal(samples, heads, keys, valueWidth)];

    /// <summary>One recorded operator.</summary>
    internal Tensor Fused(IReadOnlyList<Tensor> x) => F.scaled_dot_product_attention(x[0], x[1], x[2], Mask, 0, masking == Masking.Causal);

    /// <summary>Product, scale, mask, softmax, product.</summary>
    internal Tensor WrittenOut(IReadOnlyList<Tensor> x)
    {
        Tensor scores = x[0].matmul(x[1].transpose(-2, -1)) / Math.Sqrt(width);
        scores = masking switch
        {
            Masking.Causal => scores.masked_fill(ones(queries, keys).tril() == 0, double.NegativeInfinity),
            Masking.Boolean => scores.masked_fill(Mask!.logical_not(), double.NegativeInfinity),
            Masking.Additive => scores + Mask!,
            _ => scores,
        };
        return F.softmax(scores, -1).matmul(x[2]);
    }

    private Tensor? Mask => mask ??= masking switch
    {
        // Every query sees the first key.
        Masking.Boolean => (rand(samples, 1, queries, keys, generator: generator) > 0.4).logical_or(arange(keys) == 0),
        Masking.Additive => randn(heads, queries, keys, generator: generator),
        _ => null,
    };

    private Tensor Normal(params long[] shape) => randn(shape, generator: generator);
}
