using System.Linq.Expressions;
using System.Reflection;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Graphs;

/// <summary>
/// Registers hooks on modules that other threads may be calling. TorchSharp walks a dictionary of hooks during a call, which must not change meanwhile: so a changed
/// copy takes its place, and a call that runs goes on with the old one.
/// </summary>
internal static class ModuleHooks
{
    private static readonly Lock Changing = new();

    /// <summary>Calls <paramref name="enter"/> before and <paramref name="leave"/> after each call of the module. Null if the module takes no hooks.</summary>
    public static IDisposable? Register(nn.Module module, Action<nn.Module> enter, Action<nn.Module> leave) =>
        TakesHooks(module) is { } type
            ? new Pair(new Hook<Action<nn.Module>>(module, Hooks(type, "module_pre_hooks"), enter), new Hook<Action<nn.Module>>(module, Hooks(type, "module_post_hooks"), leave))
            : null;

    /// <summary>
    /// Calls <paramref name="enter"/> with what the module is called with, and <paramref name="leave"/> with what it returned; hooks that were registered before have run by then.
    /// The module takes hooks.
    /// </summary>
    public static IDisposable Observe(nn.Module module, Action<nn.Module, object?[]> enter, Action<nn.Module, object?> leave)
    {
        Type type = TakesHooks(module)!;
        return new Pair(
            Observe(type, "pre_hooks", 0, given => Expression.Invoke(Expression.Constant(enter), given[0], Array(given[1..])), given => null),
            Observe(type, "post_hooks", 1, given => Expression.Invoke(Expression.Constant(leave), given[0], Expression.Convert(given[^1], typeof(object))), given => given[^1]));

        IDisposable Observe(Type declaring, string field, int place, Func<ParameterExpression[], Expression> call, Func<ParameterExpression[], Expression?> result)
        {
            Type hook = declaring.GetGenericArguments()[place];
            MethodInfo signature = hook.GetMethod("Invoke")!;
            ParameterExpression[] given = [.. signature.GetParameters().Select(p => Expression.Parameter(p.ParameterType))];
            Delegate heard = Expression.Lambda(hook, Expression.Block(call(given), result(given) ?? Expression.Default(signature.ReturnType)), given).Compile();
            return (IDisposable)Activator.CreateInstance(typeof(Hook<>).MakeGenericType(hook), module, Hooks(declaring, field), heard)!;
        }

        static NewArrayExpression Array(ParameterExpression[] given) => Expression.NewArrayInit(typeof(object), given.Select(p => Expression.Convert(p, typeof(object))));
    }

    /// <summary>True for modules with type arguments.</summary>
    public static bool AreTakenBy(nn.Module module) => TakesHooks(module) != null;

    /// <summary>Replaces what the module returns on this thread, until the result is disposed.</summary>
    public static IDisposable Replace(nn.Module<Tensor, Tensor> module, Func<Tensor, Tensor> output)
    {
        int thread = Environment.CurrentManagedThreadId;
        return new Hook<Func<nn.Module<Tensor, Tensor>, Tensor, Tensor, Tensor>>(
            module,
            Hooks(TakesHooks(module)!, "post_hooks"),
            (_, _, returned) => Environment.CurrentManagedThreadId == thread ? output(returned) : returned);
    }

    // TorchSharp declares hooks on a generic base class, whatever the arguments are.
    private static Type? TakesHooks(nn.Module module)
    {
        for (Type? type = module.GetType(); type != null; type = type.BaseType)
        {
            if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(nn.HookableModule<,>))
                return type;
        }

        return null;
    }

    private static FieldInfo Hooks(Type type, string field) =>
        type.GetField(field, BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.Instance)
        ?? throw new NotSupportedException($"This TorchSharp keeps the hooks of a module in another way: {field} is missing. Use TorchSharp 0.107.");

    private sealed class Hook<T> : IDisposable
        where T : Delegate
    {
        private readonly string key = Guid.NewGuid().ToString();
        private readonly nn.Module module;
        private readonly FieldInfo hooks;

        public Hook(nn.Module module, FieldInfo hooks, T hook)
        {
            this.module = module;
            this.hooks = hooks;
            Change(copy => copy.Add(key, hook));
        }

        public void Dispose() => Change(copy => copy.Remove(key));

        private void Change(Action<Dictionary<string, T>> change)
        {
            lock (Changing)
            {
                Dictionary<string, T> copy = new((Dictionary<string, T>)hooks.GetValue(module)!);
                change(copy);
                hooks.SetValue(module, copy);
            }
        }
    }

    private sealed class Pair(IDisposable before, IDisposable after) : IDisposable
    {
        public void Dispose()
        {
            before.Dispose();
            after.Dispose();
        }
    }
}
