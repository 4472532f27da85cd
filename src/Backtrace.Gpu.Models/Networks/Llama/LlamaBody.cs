using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Token embeddings, the layers and the last normalisation: everything but the output layer.</summary>
internal sealed class LlamaBody : Module<Tensor, Tensor>
{
    [ComponentName(Name = "embed_tokens")]
    private readonly Embedding embedding;

    private readonly ModuleList<LlamaLayer> layers;
    private readonly RmsNorm norm;
    private readonly RotaryEmbedding rotary;

    internal LlamaBody(LlamaConfig config) : base(nameof(LlamaBody))
    {
        rotary = new RotaryEmbedding(config);
        // TorchSharp fills an embedding with random numbers before it moves it: that must not be the large one.
        embedding = Embedding(1, 1, device: META);
        embedding.weight = new Parameter(empty(config.VocabularySize, config.HiddenSize, device: META));
        layers = ModuleList([.. Enumerable.Range(0, config.Layers).Select(_ => new LlamaLayer(config))]);
        norm = new RmsNorm(config.HiddenSize, config.NormEpsilon);
        RegisterComponents();
    }

    /// <summary>The token embeddings, [vocabulary, width]; the caller disposes this handle.</summary>
    internal Tensor EmbeddingWeight => embedding.weight!;

    internal int Layers => layers.Count;

    /// <summary>Maps token ids [N, T] to [N, T, width].</summary>
    public override Tensor forward(Tensor ids) => Read(ids, null);

    /// <summary>As <see cref="forward"/>, where the tokens follow those that each layer's cache holds. One token at a time may follow.</summary>
    internal Tensor Read(Tensor ids, IReadOnlyList<KeyValueCache>? caches)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = embedding.call(ids);
        (Tensor cosine, Tensor sine) = rotary.Tables(caches?[0].Length ?? 0, ids.shape[1], x);
        for (int k = 0; k < layers.Count; k++)
            x = caches is null ? layers[k].call(x, cosine, sine) : layers[k].Read(x, cosine, sine, caches[k]);
        return norm.call(x).MoveToOuterDisposeScope();
    }
}
