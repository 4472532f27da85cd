using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Attention, then two linear layers with an activation between them; each result is added to its input and normalised.</summary>
internal sealed class BertLayer : Module<Tensor, Tensor?, Tensor>
{
    private readonly BertAttention attention;
    private readonly Module<Tensor, Tensor> intermediate;
    private readonly BertOutput output;

    internal BertLayer(BertConfig config) : base(nameof(BertLayer))
    {
        register_module(nameof(attention), attention = new BertAttention(config));
        intermediate = Sequential(("dense", Linear(config.HiddenSize, config.IntermediateSize)), PublishedActivation.Find(config.HiddenAct)!.Value);
        register_module(nameof(intermediate), intermediate);
        register_module(nameof(output), output = new BertOutput(config, config.IntermediateSize));
    }

    public override Tensor forward(Tensor input, Tensor? bias)
    {
        Tensor x = attention.call(input, bias);
        return output.call(intermediate.call(x), x);
    }
}
