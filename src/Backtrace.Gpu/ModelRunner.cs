using Backtrace.Gpu.Kernels;
using static TorchSharp.torch;

namespace Backtrace.Gpu;

/// <summary>Calls a module whatever its numbers of inputs and outputs are.</summary>
internal static class ModelRunner
{
    /// <exception cref="InvalidModelException">The module takes another number of inputs, or is of a kind that is not known.</exception>
    public static IReadOnlyList<Tensor> Call(nn.Module model, IReadOnlyList<Tensor> x) => (model, x.Count) switch
    {
        (nn.Module<Tensor, Tensor> m, 1) => [m.call(x[0])],
        (nn.Module<Tensor, Tensor, Tensor> m, 2) => [m.call(x[0], x[1])],
        (nn.Module<Tensor, Tensor, Tensor, Tensor> m, 3) => [m.call(x[0], x[1], x[2])],
        (nn.Module<Tensor, (Tensor, Tensor)> m, 1) => Both(m.call(x[0])),
        (nn.Module<Tensor, Tensor, (Tensor, Tensor)> m, 2) => Both(m.call(x[0], x[1])),
        (nn.Module<Tensor, (Tensor, Tensor, Tensor)> m, 1) => Three(m.call(x[0])),
        (nn.Module<Tensor, Tensor[]> m, 1) => m.call(x[0]),
        _ => throw new InvalidModelException(
            $"{model.GetName()} cannot be called with {Counted.Of(x.Count, "input")} by itself: construct the Backtracer with a forward function that calls it."),
    };

    private static Tensor[] Both((Tensor, Tensor) outputs) => [outputs.Item1, outputs.Item2];

    private static Tensor[] Three((Tensor, Tensor, Tensor) outputs) => [outputs.Item1, outputs.Item2, outputs.Item3];
}
