using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Causal self-attention with rotary positions; several query heads may share a key-value head.</summary>
internal sealed class LlamaAttention : Module<Tensor, Tensor, Tensor, Tensor>
{
    [ComponentName(Name = "q_proj")]
    private readonly Linear queries;

    [ComponentName(Name = "k_proj")]
    private readonly Linear keys;

    [ComponentName(Name = "v_proj")]
    private readonly Linear values;

    [ComponentName(Name = "o_proj")]
    private readonly Linear output;

    private readonly int heads, sharedHeads, headSize;

    internal LlamaAttention(LlamaConfig config) : base(nameof(LlamaAttention))
    {
        (heads, sharedHeads, headSize) = (config.Heads, config.KeyValueHeads, config.HeadSize);
        queries = Linear(config.HiddenSize, heads * headSize, config.HasAttentionBias, META);
        keys = Linear(config.HiddenSize, sharedHeads * headSize, config.HasAttentionBias, META);
        values = Linear(config.HiddenSize, sharedHeads * headSize, config.HasAttentionBias, META);
        output = Linear(heads * headSize, config.HiddenSize, config.HasAttentionBias, META);
        RegisterComponents();
    }

    /// <summary>Maps [N, T, width] to the same shape; the tables are those of <see cref="RotaryEmbedding.Tables"/>.</summary>
    public override Tensor forward(Tensor input, Tensor cosine, Tensor sine) => Read(input, cosine, sine, null);

    /// <summary>As <see cref="forward"/>; tokens follow those of the cache, one at a time unless it is empty.</summary>
    internal Tensor Read(Tensor input, Tensor cosine, Tensor sine, KeyValueCache? cache)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor q = RotaryEmbedding.Turn(Split(queries.call(input), heads), cosine, sine);
        Tensor k = RotaryEmbedding.Turn(Split(keys.call(input), sharedHeads), cosine, sine);
        Tensor v = Split(values.call(input), sharedHeads);
        bool follows = cache is { Length: > 0 };
        if (cache is not null)
            (k, v) = cache.Add(k, v);
        Tensor mixed = follows ? Last(q, k, v) : functional.scaled_dot_product_attention(q, Repeat(k), Repeat(v), is_casual: true);
        return output.call(mixed.transpose(1, 2).reshape(input.shape[0], input.shape[1], heads * headSize)).MoveToOuterDisposeScope();
    }

    // The last token sees all: query heads that share a key-value head are rows of one product, so that nothing is repeated.
    private Tensor Last(Tensor q, Tensor k, Tensor v) =>
        functional.scaled_dot_product_attention(q.reshape(q.shape[0], sharedHeads, heads / sharedHeads, headSize), k, v).reshape(q.shape);

    // [N, T, count * head size] to [N, count, T, head size].
    private Tensor Split(Tensor x, int count) => x.view(x.shape[0], x.shape[1], count, headSize).transpose(1, 2);

    // One key-value head per query head.
    private Tensor Repeat(Tensor x)
    {
        if (sharedHeads == heads)
            return x;
        (long samples, long length) = (x.shape[0], x.shape[2]);
        return x.unsqueeze(2).expand(samples, sharedHeads, heads / sharedHeads, length, headSize).reshape(samples, heads, length, headSize);
    }
}
