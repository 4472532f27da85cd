using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>The layers, one after the other. Maps [N, T, width] to [N, T, width].</summary>
internal sealed class DistilBertTransformer : Module<Tensor, Tensor?, Tensor>
{
    private readonly ModuleList<DistilBertLayer> layer;

    internal DistilBertTransformer(DistilBertConfig config) : base(nameof(DistilBertTransformer))
    {
        layer = ModuleList([.. Enumerable.Range(0, config.NLayers).Select(_ => new DistilBertLayer(config))]);
        register_module(nameof(layer), layer);
    }

    /// <param name="input">[N, T, width].</param>
    /// <param name="bias">Added to the attention scores, [N, 1, 1, T]; null for nothing.</param>
    public override Tensor forward(Tensor input, Tensor? bias) => layer.Aggregate(input, (x, step) => step.call(x, bias));
}
