using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>The identity, through which only positive gradients pass.</summary>
internal sealed class PositiveGradient : autograd.SingleTensorFunction<PositiveGradient>
{
    public override string Name => nameof(PositiveGradient);

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars) => ((Tensor)vars[0]).clone();

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) => [grad_output.clamp(min: 0)];
}
