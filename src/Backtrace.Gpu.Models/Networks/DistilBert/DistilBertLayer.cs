using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Attention, then two linear layers with an activation between them; each result is added to its input and normalised.</summary>
internal sealed class DistilBertLayer : Module<Tensor, Tensor?, Tensor>
{
    private readonly DistilBertAttention attention;
    private readonly Module<Tensor, Tensor> sa_layer_norm, ffn, output_layer_norm;
    private readonly double dropout;

    internal DistilBertLayer(DistilBertConfig config) : base(nameof(DistilBertLayer))
    {
        dropout = config.Dropout;
        register_module(nameof(attention), attention = new DistilBertAttention(config));
        register_module(nameof(sa_layer_norm), sa_layer_norm = LayerNorm(config.Dim, 1e-12));
        ffn = Sequential(("lin1", Linear(config.Dim, config.HiddenDim)), PublishedActivation.Find(config.Activation)!.Value, ("lin2", Linear(config.HiddenDim, config.Dim)));
        register_module(nameof(ffn), ffn);
        register_module(nameof(output_layer_norm), output_layer_norm = LayerNorm(config.Dim, 1e-12));
    }

    /// <param name="input">[N, T, width].</param>
    /// <param name="bias">Added to the scores, [N, 1, 1, T]; null for nothing.</param>
    public override Tensor forward(Tensor input, Tensor? bias)
    {
        Tensor x = sa_layer_norm.call(attention.call(input, bias) + input);
        return output_layer_norm.call(ffn.call(x).Drop(dropout, this) + x);
    }
}
