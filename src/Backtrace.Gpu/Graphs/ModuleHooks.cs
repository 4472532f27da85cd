using System.Reflection;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Graphs;

/// <summary>Registers hooks on a module whatever its argument types are: TorchSharp declares them on a generic base class.</summary>
internal static class ModuleHooks
{
    /// <summary>Calls <paramref name="enter"/> before and <paramref name="leave"/> after each call of the module. Null if the module takes no hooks.</summary>
    public static IDisposable? Register(nn.Module module, Action<nn.Module> enter, Action<nn.Module> leave)
    {
        for (Type? type = module.GetType(); type != null; type = type.BaseType)
        {
            if (!type.IsGenericType || type.GetGenericTypeDefinition() != typeof(nn.HookableModule<,>))
                continue;
            const BindingFlags flags = BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly;
            Type[] signature = [typeof(Action<nn.Module>)];
            object before = type.GetMethod("register_forward_pre_hook", flags, signature)!.Invoke(module, [enter])!;
            object after = type.GetMethod("register_forward_hook", flags, signature)!.Invoke(module, [leave])!;
            return new Pair(before, after);
        }

        return null;
    }

    private sealed class Pair(object before, object after) : IDisposable
    {
        public void Dispose()
        {
            Remove(before);
            Remove(after);
        }

        private static void Remove(object hook) => hook.GetType().GetMethod("remove")!.Invoke(hook, null);
    }
}
