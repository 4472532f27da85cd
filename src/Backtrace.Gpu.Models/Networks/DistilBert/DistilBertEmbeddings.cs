using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Sum of the embeddings of a token and its place, normalised. Maps [N, T] to [N, T, width].</summary>
internal sealed class DistilBertEmbeddings : Module<Tensor, Tensor>
{
    private readonly Module<Tensor, Tensor> word_embeddings, position_embeddings, LayerNorm;
    private readonly double dropout;

    internal DistilBertEmbeddings(DistilBertConfig config) : base(nameof(DistilBertEmbeddings))
    {
        dropout = config.Dropout;
        register_module(nameof(word_embeddings), word_embeddings = Embedding(config.VocabSize, config.Dim));
        register_module(nameof(position_embeddings), position_embeddings = Embedding(config.MaxPositionEmbeddings, config.Dim));
        register_module(nameof(LayerNorm), LayerNorm = nn.LayerNorm(config.Dim, 1e-12));
    }

    public override Tensor forward(Tensor ids)
    {
        Tensor positions = arange(ids.shape[^1], ScalarType.Int64, ids.device);
        return LayerNorm.call(word_embeddings.call(ids) + position_embeddings.call(positions)).Drop(dropout, this);
    }
}
