using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>The gated block: down(silu(gate(x)) * up(x)).</summary>
internal sealed class LlamaMlp : Module<Tensor, Tensor>
{
    [ComponentName(Name = "gate_proj")]
    private readonly Linear gate;

    [ComponentName(Name = "up_proj")]
    private readonly Linear up;

    [ComponentName(Name = "down_proj")]
    private readonly Linear down;

    internal LlamaMlp(LlamaConfig config) : base(nameof(LlamaMlp))
    {
        gate = Linear(config.HiddenSize, config.IntermediateSize, config.HasMlpBias, device: META);
        up = Linear(config.HiddenSize, config.IntermediateSize, config.HasMlpBias, device: META);
        down = Linear(config.IntermediateSize, config.HiddenSize, config.HasMlpBias, device: META);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        return down.call(functional.silu(gate.call(input)) * up.call(input)).MoveToOuterDisposeScope();
    }
}
