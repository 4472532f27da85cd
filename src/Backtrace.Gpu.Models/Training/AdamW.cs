using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Models.Training;

/// <summary>
/// Adam with decoupled weight decay. TorchSharp's own leaves temporary tensors of the size of the weights to the garbage collector, which does not
/// know how large they are; gigabytes pile up.
/// </summary>
internal sealed class AdamW : IDisposable
{
    private const double MeanDecay = 0.9, SquareDecay = 0.999, Epsilon = 1e-8;
    private readonly List<(Parameter Weight, Tensor Mean, Tensor Square)> states = [];
    private readonly double weightDecay;
    private int steps;

    internal AdamW(IEnumerable<Parameter> parameters, double weightDecay)
    {
        this.weightDecay = weightDecay;
        foreach (Parameter weight in parameters)
            states.Add((weight, zeros_like(weight).DetachFromDisposeScope(), zeros_like(weight).DetachFromDisposeScope()));
    }

    /// <summary>Follows the gradients that have been computed, and forgets them. Gradients that are null count as none.</summary>
    internal void Step(double learningRate)
    {
        steps++;
        double meanPart = 1 - Math.Pow(MeanDecay, steps), squarePart = 1 - Math.Pow(SquareDecay, steps);
        using IDisposable quiet = no_grad();
        foreach ((Parameter weight, Tensor mean, Tensor square) in states)
        {
            using Tensor? gradient = weight.grad;
            if (gradient is null)
                continue;
            weight.mul_(1 - learningRate * weightDecay);
            mean.mul_(MeanDecay).add_(gradient, 1 - MeanDecay);
            square.mul_(SquareDecay).addcmul_(gradient, gradient, 1 - SquareDecay);
            using Tensor spread = square.sqrt();
            spread.div_(Math.Sqrt(squarePart)).add_(Epsilon);
            weight.addcdiv_(mean, spread, -learningRate / meanPart);
            weight.grad = null;
        }
    }

    public void Dispose()
    {
        foreach ((_, Tensor mean, Tensor square) in states)
        {
            mean.Dispose();
            square.Dispose();
        }
    }
}
