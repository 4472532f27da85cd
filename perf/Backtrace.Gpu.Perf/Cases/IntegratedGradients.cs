using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Perf.Cases;

/// <summary>
/// Integrated Gradients of one sample from the zero baseline: all steps in one batch, gradients with respect to the steps only. A right
/// Riemann sum: its last point is the input itself, so that finding the class to explain costs no pass of its own.
/// </summary>
internal sealed class IntegratedGradients(Module<Tensor, Tensor> model, int steps)
{
    public Tensor Explain(Tensor input)
    {
        using var scope = NewDisposeScope();
        long[] perStep = [steps, .. Enumerable.Repeat(1L, input.shape.Length - 1)];
        Tensor points = (arange(1, steps + 1, float32) / steps).view(perStep) * input;
        points.requires_grad_(true);
        Tensor output = model.call(points);
        using Tensor best = output[steps - 1].argmax();
        Tensor gradients = autograd.grad([output.select(1, best.item<long>()).sum()], [points])[0];
        using var quiet = no_grad();
        return gradients.mean([0], keepdim: true).mul_(input).MoveToOuterDisposeScope();
    }
}
