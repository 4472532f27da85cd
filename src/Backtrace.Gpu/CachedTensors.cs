using System.Collections;
using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.CompilerServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu;

/// <summary>
/// Tensors that a model made in a forward pass and keeps in its fields for the next one, such as a mask or a table of positions. When disposed, it moves them out of the scope of the
/// explanation, to where they would be if the caller had called the model.
/// </summary>
internal sealed class CachedTensors(IReadOnlyList<nn.Module> modules, DisposeScope scope) : IDisposable
{
    private static readonly ConcurrentDictionary<Type, FieldInfo[]> Fields = [];

    public void Dispose()
    {
        foreach (nn.Module module in modules)
        {
            foreach (FieldInfo field in Fields.GetOrAdd(module.GetType(), FieldsOf))
                Keep(field.GetValue(module));
        }
    }

    private void Keep(object? kept)
    {
        switch (kept)
        {
            case Tensor tensor when scope.Contains(tensor):
                scope.MoveToOuter(tensor);
                break;
            case ITuple tuple:
                for (int k = 0; k < tuple.Length; k++)
                    Keep(tuple[k]);
                break;
            case IDictionary dictionary:
                Keep(dictionary.Values);
                break;
            case ICollection collection when kept is not Tensor:
                foreach (object? item in collection)
                    Keep(item);
                break;
        }
    }

    // Those that may hold tensors; TorchSharp's own modules keep none but their parameters and buffers, which are in no scope.
    private static FieldInfo[] FieldsOf(Type module)
    {
        List<FieldInfo> fields = [];
        for (Type? type = module; type != null && type.Assembly != typeof(nn.Module).Assembly; type = type.BaseType)
            fields.AddRange(type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly).Where(f => MayHold(f.FieldType)));
        return [.. fields];
    }

    private static bool MayHold(Type type) =>
        type == typeof(Tensor) || type == typeof(object) || (type.IsArray && MayHold(type.GetElementType()!))
        || (type.IsGenericType && (typeof(ICollection).IsAssignableFrom(type) || typeof(ITuple).IsAssignableFrom(type) || type.IsInterface || Nullable.GetUnderlyingType(type) != null)
            && type.GetGenericArguments().Any(MayHold));
}
