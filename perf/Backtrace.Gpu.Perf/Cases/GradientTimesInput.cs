using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Perf.Cases;

/// <summary>
/// Gradient times input of the largest output of each sample, as fast as TorchSharp does it: parameters need no gradients, autograd
/// differentiates with respect to the input only, and the product is formed in place.
/// </summary>
internal sealed class GradientTimesInput(Module<Tensor, Tensor> model)
{
    public Tensor Explain(Tensor input)
    {
        using var scope = NewDisposeScope();
        Tensor x = input.detach().requires_grad_(true);
        (Tensor largest, _) = model.call(x).max(1);
        Tensor gradient = autograd.grad([largest.sum()], [x])[0];
        using var quiet = no_grad();
        return gradient.mul_(input).MoveToOuterDisposeScope();
    }
}
