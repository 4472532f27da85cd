using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>A linear layer whose result is added to the residual stream, which is then normalised.</summary>
internal sealed class BertOutput : Module<Tensor, Tensor, Tensor>
{
    private readonly double dropout;
    private readonly Module<Tensor, Tensor> dense, LayerNorm;

    internal BertOutput(BertConfig config, int inputs) : base(nameof(BertOutput))
    {
        dropout = config.HiddenDropoutProb;
        register_module(nameof(dense), dense = Linear(inputs, config.HiddenSize));
        register_module(nameof(LayerNorm), LayerNorm = nn.LayerNorm(config.HiddenSize, config.LayerNormEps));
    }

    /// <param name="x">[N, T, inputs].</param>
    /// <param name="residual">[N, T, width].</param>
    public override Tensor forward(Tensor x, Tensor residual) => LayerNorm.call(dense.call(x).Drop(dropout, this) + residual);
}
