using System.Collections;
using System.Reflection;
using System.Runtime.CompilerServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu;

/// <summary>
/// Tensors that a model made in a forward pass and keeps in its fields for the next one, such as a mask or a table of positions. They are moved out of the scope of the
/// explanation, to where they would be if the caller had called the model.
/// </summary>
internal sealed class CachedTensors
{
    private readonly (nn.Module Module, FieldInfo Field)[] places;

    /// <param name="modules">All modules of the model.</param>
    public CachedTensors(IReadOnlyList<nn.Module> modules)
    {
        Dictionary<Type, List<FieldInfo>> known = [];
        places = [.. modules.SelectMany(module =>
        {
            if (!known.TryGetValue(module.GetType(), out List<FieldInfo>? fields))
                known.Add(module.GetType(), fields = FieldsOf(module.GetType()));
            return fields.Select(field => (module, field));
        })];
    }

    /// <summary>When the result is disposed, what the model keeps of a scope leaves it.</summary>
    public Rescue From(DisposeScope scope) => new(this, scope);

    private static void Keep(object? kept, DisposeScope scope)
    {
        switch (kept)
        {
            case Tensor tensor when scope.Contains(tensor):
                scope.MoveToOuter(tensor);
                break;
            case ITuple tuple:
                for (int k = 0; k < tuple.Length; k++)
                    Keep(tuple[k], scope);
                break;
            case IDictionary dictionary:
                Keep(dictionary.Values, scope);
                break;
            case ICollection collection when kept is not Tensor:
                foreach (object? item in collection)
                    Keep(item, scope);
                break;
        }
    }

    // Those that may hold tensors; TorchSharp's own modules keep none but their parameters and buffers, which are in no scope.
    private static List<FieldInfo> FieldsOf(Type module)
    {
        List<FieldInfo> fields = [];
        for (Type? type = module; type != null && type.Assembly != typeof(nn.Module).Assembly; type = type.BaseType)
            fields.AddRange(type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly).Where(f => MayHold(f.FieldType)));
        return fields;
    }

    private static bool MayHold(Type type) =>
        type == typeof(Tensor) || type == typeof(object) || (type.IsArray && MayHold(type.GetElementType()!))
        || (type.IsGenericType && (typeof(ICollection).IsAssignableFrom(type) || typeof(ITuple).IsAssignableFrom(type) || type.IsInterface || Nullable.GetUnderlyingType(type) != null)
            && type.GetGenericArguments().Any(MayHold));

    /// <summary>Moves what is kept, at the end of an explanation.</summary>
    public readonly struct Rescue(CachedTensors cached, DisposeScope scope) : IDisposable
    {
        /// <inheritdoc/>
        public void Dispose()
        {
            foreach ((nn.Module module, FieldInfo field) in cached.places)
                Keep(field.GetValue(module), scope);
        }
    }
}
