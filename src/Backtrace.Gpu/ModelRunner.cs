using System.Reflection;
using System.Runtime.CompilerServices;
using Backtrace.Gpu.Kernels;
using static TorchSharp.torch;

namespace Backtrace.Gpu;

/// <summary>Calls a module whatever its numbers of inputs and outputs are.</summary>
internal static class ModelRunner
{
    /// <exception cref="InvalidModelException">The module takes another number of inputs, or others than tensors, or gives others than tensors, tuples and lists of them.</exception>
    public static IReadOnlyList<Tensor> Call(nn.Module model, IReadOnlyList<Tensor> x)
    {
        if (model is nn.Module<Tensor, Tensor> plain && x.Count == 1)
            return [plain.call(x[0])];
        if (model is jit.ScriptModule script)
            return Call(script, x);
        Type? signature = Signature(model);
        Type[] inputs = signature?.GetGenericArguments()[..^1] ?? [];
        bool takesTensors = inputs.Length > 0 && inputs.All(t => t == typeof(Tensor));
        if (takesTensors && inputs.Length != x.Count)
        {
            throw new InvalidModelException(
                $"{model.GetName()} takes {Counted.Of(inputs.Length, "input")}, but {Counted.Of(x.Count, "was", "were")} given: give one for each, or construct the Backtracer with a forward function that calls it.");
        }

        if (!takesTensors || !HoldsTensors(signature!.GetGenericArguments()[^1]))
        {
            throw new InvalidModelException(
                $"{model.GetName()} cannot be called with {Counted.Of(x.Count, "input")} by itself: construct the Backtracer with a forward function that calls it.");
        }

        return [.. Tensors(Invoke(model, signature, [.. x]))];
    }

    // Its number of inputs and the types of its results are known to libtorch alone, which refuses others; what TorchSharp cannot read of them it reports by these exceptions.
    internal static IReadOnlyList<Tensor> Call(jit.ScriptModule script, IReadOnlyList<Tensor> x)
    {
        try
        {
            return [.. Tensors(script.call([.. x]))];
        }
        catch (Exception e) when (e is NotImplementedException or InvalidCastException or ArgumentOutOfRangeException)
        {
            throw new InvalidModelException("The TorchScript module returned others than tensors, tuples and lists of them. Script or trace one that returns the tensors that are to be explained.", e);
        }
    }

    /// <summary>Calls a module with what its type says.</summary>
    internal static object? Invoke(nn.Module model, Type signature, object?[] arguments) =>
        signature.GetMethod("call", signature.GetGenericArguments()[..^1])!.Invoke(model, BindingFlags.DoNotWrapExceptions, null, arguments, null);

    // TorchSharp's modules have the types of their inputs and, last, that of their result as type arguments.
    internal static Type? Signature(nn.Module model)
    {
        for (Type? type = model.GetType(); type != null; type = type.BaseType)
        {
            if (type.BaseType is { IsGenericType: true } hookable && hookable.GetGenericTypeDefinition() == typeof(nn.HookableModule<,>))
                return type;
        }

        return null;
    }

    private static bool HoldsTensors(Type type) =>
        type == typeof(Tensor) || type.IsAssignableTo(typeof(IEnumerable<Tensor>)) || (type.IsAssignableTo(typeof(ITuple)) && type.GetGenericArguments().All(HoldsTensors));

    private static IEnumerable<Tensor> Tensors(object? result) => result switch
    {
        IEnumerable<Tensor> list => list,
        object[] mixed => mixed.SelectMany(Tensors),
        ITuple tuple => Enumerable.Range(0, tuple.Length).SelectMany(k => Tensors(tuple[k])),
        _ => [(Tensor)result!],
    };
}
