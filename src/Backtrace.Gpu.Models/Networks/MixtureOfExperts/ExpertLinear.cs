using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>One linear layer per expert; the weights are one tensor, [experts, outputs, inputs].</summary>
internal sealed class ExpertLinear : Module<Tensor, int, Tensor>
{
    private readonly Parameter weight;

    internal ExpertLinear(int experts, int inputs, int outputs)
        : base(nameof(ExpertLinear))
    {
        double bound = 1 / Math.Sqrt(inputs);
        weight = Parameter(empty(experts, outputs, inputs).uniform_(-bound, bound));
        register_parameter("weight", weight);
    }

    /// <summary>Maps the tokens of one expert, [n, inputs] to [n, outputs].</summary>
    public override Tensor forward(Tensor tokens, int expert)
    {
        using Tensor own = weight.select(0, expert);
        return functional.linear(tokens, own);
    }
}
