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
        _ when Inputs(model) is { } takes && takes != x.Count => throw new InvalidModelException(
            $"{model.GetName()} takes {Counted.Of(takes, "input")}, but {Counted.Of(x.Count, "was", "were")} given: give one for each, or construct the Backtracer with a forward function that calls it."),
        _ => throw new InvalidModelException(
            $"{model.GetName()} cannot be called with {Counted.Of(x.Count, "input")} by itself: construct the Backtracer with a forward function that calls it."),
    };

    // TorchSharp's modules have the types of their inputs and, last, that of their result as type arguments. Null where some are no tensors: they may be left out, or are switches.
    private static int? Inputs(nn.Module model)
    {
        for (Type? type = model.GetType(); type != null; type = type.BaseType)
        {
            if (type.BaseType is { IsGenericType: true } hookable && hookable.GetGenericTypeDefinition() == typeof(nn.HookableModule<,>))
            {
                Type[] inputs = type.GetGenericArguments()[..^1];
                return inputs.All(t => t == typeof(Tensor)) ? inputs.Length : null;
            }
        }

        return null;
    }

    private static Tensor[] Both((Tensor, Tensor) outputs) => [outputs.Item1, outputs.Item2];

    private static Tensor[] Three((Tensor, Tensor, Tensor) outputs) => [outputs.Item1, outputs.Item2, outputs.Item3];
}
