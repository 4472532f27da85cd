using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Embeddings, encoder layers, and a dense layer with tanh on the first token. Maps [N, T] to [N, width].</summary>
internal sealed class BertBody : Module<Tensor, Tensor?, Tensor?, Tensor?, Tensor>
{
    private readonly BertEmbeddings embeddings;
    private readonly BertEncoder encoder;
    private readonly Module<Tensor, Tensor> pooler;

    internal BertBody(BertConfig config) : base(nameof(BertBody))
    {
        register_module(nameof(embeddings), embeddings = new BertEmbeddings(config));
        register_module(nameof(encoder), encoder = new BertEncoder(config));
        pooler = Sequential(("dense", Linear(config.HiddenSize, config.HiddenSize)), ("tanh", Tanh()));
        register_module(nameof(pooler), pooler);
    }

    public override Tensor forward(Tensor ids, Tensor? attentionMask, Tensor? tokenTypes, Tensor? positions)
    {
        Tensor? bias = attentionMask is null ? null : AttentionBias(attentionMask);
        Tensor tokens = encoder.call(embeddings.call(ids, tokenTypes, positions), bias);
        return pooler.call(tokens.select(1, 0));
    }

    // Added to the scores: 0 at tokens, the most negative number at padding, so that softmax gives it nothing. [N, 1, 1, T]
    internal static Tensor AttentionBias(Tensor attentionMask) =>
        (1 - attentionMask.to_type(ScalarType.Float32)).mul(float.MinValue).unsqueeze(1).unsqueeze(1);
}
