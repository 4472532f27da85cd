using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Attention of all heads, a linear layer, addition and normalisation.</summary>
internal sealed class BertAttention : Module<Tensor, Tensor?, Tensor>
{
    private readonly BertSelfAttention self;
    private readonly BertOutput output;

    internal BertAttention(BertConfig config) : base(nameof(BertAttention))
    {
        register_module(nameof(self), self = new BertSelfAttention(config));
        register_module(nameof(output), output = new BertOutput(config, config.HiddenSize));
    }

    public override Tensor forward(Tensor input, Tensor? bias) => output.call(self.call(input, bias), input);
}
