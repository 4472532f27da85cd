using Backtrace.Gpu.Graphs;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Backtrace.Gpu;

/// <summary>Finds the blocks that a network is made of, for <see cref="BacktracerOptions.Recompute"/>.</summary>
public static class ModelBlocks
{
    /// <summary>
    /// Paths of those members of the model's module lists and sequences that have parts themselves, without those that lie inside of another: of a Llama <c>model.layers.0</c>,
    /// <c>model.layers.1</c>, ..., of a ResNet its residual blocks. None where a network is built in another way.
    /// </summary>
    /// <param name="model">The network.</param>
    public static IReadOnlyList<string> Of(nn.Module model)
    {
        ArgumentNullException.ThrowIfNull(model);
        List<string> found = [];
        Add(model, "", found);
        return found;
    }

    private static void Add(nn.Module module, string path, List<string> found)
    {
        bool isSequence = module is Sequential || (module.GetType() is { IsGenericType: true } type && type.GetGenericTypeDefinition() == typeof(ModuleList<>));
        foreach ((string name, nn.Module part) in module.named_children())
        {
            string inner = path.Length == 0 ? name : $"{path}.{name}";
            if (isSequence && part.named_children().Any() && ModuleHooks.AreTakenBy(part))
                found.Add(inner);
            else
                Add(part, inner, found);
        }
    }
}
