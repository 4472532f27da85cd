using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Embeddings and layers. Maps [N, T] to [N, T, width].</summary>
internal sealed class DistilBertBody : Module<Tensor, Tensor?, Tensor>
{
    private readonly DistilBertEmbeddings embeddings;
    private readonly DistilBertTransformer transformer;

    internal DistilBertBody(DistilBertConfig config) : base(nameof(DistilBertBody))
    {
        register_module(nameof(embeddings), embeddings = new DistilBertEmbeddings(config));
        register_module(nameof(transformer), transformer = new DistilBertTransformer(config));
    }

    public override Tensor forward(Tensor ids, Tensor? attentionMask) =>
        transformer.call(embeddings.call(ids), attentionMask is null ? null : BertBody.AttentionBias(attentionMask));
}
