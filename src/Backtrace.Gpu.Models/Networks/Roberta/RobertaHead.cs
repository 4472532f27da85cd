using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>A linear layer, tanh, and the classifier. Maps [N, width] to [N, classes].</summary>
internal sealed class RobertaHead : Module<Tensor, Tensor>
{
    private readonly double dropout;
    private readonly Module<Tensor, Tensor> dense, out_proj;

    internal RobertaHead(BertConfig config) : base(nameof(RobertaHead))
    {
        dropout = config.HiddenDropoutProb;
        register_module(nameof(dense), dense = Linear(config.HiddenSize, config.HiddenSize));
        register_module(nameof(out_proj), out_proj = Linear(config.HiddenSize, config.Classes));
    }

    public override Tensor forward(Tensor first) => out_proj.call(dense.call(first.Drop(dropout, this)).tanh().Drop(dropout, this));
}
