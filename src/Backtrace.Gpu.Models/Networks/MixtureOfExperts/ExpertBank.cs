using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>The experts: down(silu(gate(x)) · up(x)), each with weights of its own.</summary>
internal sealed class ExpertBank : Module<Tensor, int, Tensor>
{
    private readonly ExpertLinear gate;
    private readonly ExpertLinear up;
    private readonly ExpertLinear down;

    internal ExpertBank(int experts, int width, int inner)
        : base(nameof(ExpertBank))
    {
        register_module("gate_proj", gate = new ExpertLinear(experts, width, inner));
        register_module("up_proj", up = new ExpertLinear(experts, width, inner));
        register_module("down_proj", down = new ExpertLinear(experts, inner, width));
    }

    /// <summary>Maps the tokens of one expert, [n, width] to [n, width].</summary>
    public override Tensor forward(Tensor tokens, int expert)
    {
        using DisposeScope scope = NewDisposeScope();
        return down.call(functional.silu(gate.call(tokens, expert)) * up.call(tokens, expert), expert).MoveToOuterDisposeScope();
    }
}
