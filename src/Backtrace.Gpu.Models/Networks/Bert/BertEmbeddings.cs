using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Sum of the embeddings of a token, its place and its type, normalised. Maps [N, T] to [N, T, width].</summary>
internal sealed class BertEmbeddings : Module<Tensor, Tensor?, Tensor?, Tensor>
{
    private readonly Module<Tensor, Tensor> word_embeddings, position_embeddings, token_type_embeddings, LayerNorm;
    private readonly double dropout;

    internal BertEmbeddings(BertConfig config) : base(nameof(BertEmbeddings))
    {
        dropout = config.HiddenDropoutProb;
        register_module(nameof(word_embeddings), word_embeddings = Embedding(config.VocabSize, config.HiddenSize));
        register_module(nameof(position_embeddings), position_embeddings = Embedding(config.MaxPositionEmbeddings, config.HiddenSize));
        register_module(nameof(token_type_embeddings), token_type_embeddings = Embedding(config.TypeVocabSize, config.HiddenSize));
        register_module(nameof(LayerNorm), LayerNorm = nn.LayerNorm(config.HiddenSize, config.LayerNormEps));
    }

    public override Tensor forward(Tensor ids, Tensor? tokenTypes, Tensor? positions)
    {
        positions ??= arange(ids.shape[^1], ScalarType.Int64, ids.device);
        Tensor sum = word_embeddings.call(ids) + token_type_embeddings.call(tokenTypes ?? zeros_like(ids)) + position_embeddings.call(positions);
        return LayerNorm.call(sum).Drop(dropout, this);
    }
}
