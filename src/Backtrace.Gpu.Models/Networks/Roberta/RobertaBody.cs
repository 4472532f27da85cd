using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Embeddings and encoder layers. Maps [N, T] to [N, T, width].</summary>
internal sealed class RobertaBody : Module<Tensor, Tensor?, Tensor?, Tensor>
{
    private readonly BertEmbeddings embeddings;
    private readonly BertEncoder encoder;
    private readonly int padding;

    internal RobertaBody(BertConfig config) : base(nameof(RobertaBody))
    {
        padding = config.Padding;
        register_module(nameof(embeddings), embeddings = new BertEmbeddings(config));
        register_module(nameof(encoder), encoder = new BertEncoder(config));
    }

    public override Tensor forward(Tensor ids, Tensor? attentionMask, Tensor? tokenTypes) =>
        encoder.call(embeddings.call(ids, tokenTypes, Positions(ids)), attentionMask is null ? null : BertBody.AttentionBias(attentionMask));

    // The first token has the place after the padding's, and padding stays at its own: [N, T].
    private Tensor Positions(Tensor ids)
    {
        Tensor isToken = ids.ne(padding).to_type(ScalarType.Int64);
        return isToken.cumsum(1) * isToken + padding;
    }
}
