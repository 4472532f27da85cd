using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Attention of all heads and a linear layer. Maps [N, T, width] to [N, T, width].</summary>
internal sealed class DistilBertAttention : Module<Tensor, Tensor?, Tensor>
{
    private readonly int heads;
    private readonly double dropout;
    private readonly Module<Tensor, Tensor> q_lin, k_lin, v_lin, out_lin;

    internal DistilBertAttention(DistilBertConfig config) : base(nameof(DistilBertAttention))
    {
        (heads, dropout) = (config.NHeads, config.AttentionDropout);
        register_module(nameof(q_lin), q_lin = Linear(config.Dim, config.Dim));
        register_module(nameof(k_lin), k_lin = Linear(config.Dim, config.Dim));
        register_module(nameof(v_lin), v_lin = Linear(config.Dim, config.Dim));
        register_module(nameof(out_lin), out_lin = Linear(config.Dim, config.Dim));
    }

    /// <param name="input">[N, T, width].</param>
    /// <param name="bias">Added to the scores, [N, 1, 1, T]; null for nothing.</param>
    public override Tensor forward(Tensor input, Tensor? bias)
    {
        Tensor mixed = functional.scaled_dot_product_attention(Split(q_lin.call(input)), Split(k_lin.call(input)), Split(v_lin.call(input)), bias!, training ? dropout : 0);
        return out_lin.call(mixed.transpose(1, 2).reshape(input.shape));
    }

    // [N, T, width] to [N, heads, T, width per head].
    private Tensor Split(Tensor x) => x.view(x.shape[0], x.shape[1], heads, -1).transpose(1, 2);
}
