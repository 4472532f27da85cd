using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>What each expert contributes to its tokens: its output times its gate. A module of its own so that the place has a name.</summary>
internal sealed class ExpertSlots() : Module<Tensor, Tensor, Tensor>(nameof(ExpertSlots))
{
    /// <summary>[tokens, slots, width] times [tokens, slots].</summary>
    public override Tensor forward(Tensor outputs, Tensor gates)
    {
        using Tensor factors = gates.unsqueeze(-1);
        return outputs * factors;
    }
}
