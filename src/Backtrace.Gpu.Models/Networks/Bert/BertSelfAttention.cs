using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Each token gathers values of all tokens, weighted by how well its query fits their keys. Maps [N, T, width] to [N, T, width].</summary>
internal sealed class BertSelfAttention : Module<Tensor, Tensor?, Tensor>
{
    private readonly int heads;
    private readonly double dropout;
    private readonly Module<Tensor, Tensor> query, key, value;

    internal BertSelfAttention(BertConfig config) : base(nameof(BertSelfAttention))
    {
        heads = config.NumAttentionHeads;
        dropout = config.AttentionProbsDropoutProb;
        register_module(nameof(query), query = Linear(config.HiddenSize, config.HiddenSize));
        register_module(nameof(key), key = Linear(config.HiddenSize, config.HiddenSize));
        register_module(nameof(value), value = Linear(config.HiddenSize, config.HiddenSize));
    }

    /// <param name="input">[N, T, width].</param>
    /// <param name="bias">Added to the scores, [N, 1, 1, T]; null for nothing.</param>
    public override Tensor forward(Tensor input, Tensor? bias)
    {
        Tensor mixed = functional.scaled_dot_product_attention(
            Split(query.call(input)), Split(key.call(input)), Split(value.call(input)), bias!, training ? dropout : 0);
        return mixed.transpose(1, 2).reshape(input.shape);
    }

    // [N, T, width] to [N, heads, T, width per head].
    private Tensor Split(Tensor x) => x.view(x.shape[0], x.shape[1], heads, -1).transpose(1, 2);
}
