using TorchSharp;
using TorchSharp.Utils;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Attention and the gated block, each after a normalisation and added to its input.</summary>
internal sealed class LlamaLayer : Module<Tensor, Tensor, Tensor, Tensor>
{
    [ComponentName(Name = "input_layernorm")]
    private readonly RmsNorm beforeAttention;

    [ComponentName(Name = "self_attn")]
    private readonly LlamaAttention attention;

    [ComponentName(Name = "post_attention_layernorm")]
    private readonly RmsNorm beforeMlp;

    private readonly LlamaMlp mlp;

    internal LlamaLayer(LlamaConfig config) : base(nameof(LlamaLayer))
    {
        beforeAttention = new RmsNorm(config.HiddenSize, config.NormEpsilon);
        attention = new LlamaAttention(config);
        beforeMlp = new RmsNorm(config.HiddenSize, config.NormEpsilon);
        mlp = new LlamaMlp(config);
        RegisterComponents();
    }

    /// <summary>Maps [N, T, width] to the same shape; the tables are those of <see cref="RotaryEmbedding.Tables"/>.</summary>
    public override Tensor forward(Tensor input, Tensor cosine, Tensor sine) => Read(input, cosine, sine, null);

    /// <summary>As <see cref="forward"/>; tokens follow those of the cache.</summary>
    internal Tensor Read(Tensor input, Tensor cosine, Tensor sine, KeyValueCache? cache)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor normal = beforeAttention.call(input);
        Tensor x = input + (cache is null ? attention.call(normal, cosine, sine) : attention.Read(normal, cosine, sine, cache));
        return (x + mlp.call(beforeMlp.call(x))).MoveToOuterDisposeScope();
    }
}
