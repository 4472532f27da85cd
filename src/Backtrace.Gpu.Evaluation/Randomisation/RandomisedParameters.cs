using Backtrace.Gpu.Baselines;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// Makes a model's layers random in place and gives every parameter back its bits when disposed. A layer is a module with parameters of its own. Each parameter
/// gets normal draws of its own mean and standard deviation, so that any module can be made random and activations keep their scale; buffers, such as running
/// means, stay.
/// </summary>
internal sealed class RandomisedParameters : IDisposable
{
    private readonly List<(string Name, List<Parameter> Parameters)> layers;
    private readonly List<(Parameter Parameter, Tensor Value)> saved = [];
    private readonly int seed;

    /// <param name="model">The model; nobody else may run it meanwhile.</param>
    /// <param name="only">Paths of the layers; null: all, in the order in which they are registered.</param>
    /// <param name="seed">The same seed gives a layer the same parameters, whatever the order.</param>
    /// <exception cref="ExplainerException">The model has no layer of a path, or it has no parameters.</exception>
    internal RandomisedParameters(ExplainedModel model, IReadOnlyList<string>? only, int seed)
    {
        this.seed = seed;
        layers =
        [
            .. model.Parts().Select(part => (part.Path, Own(part.Module))).Where(layer => layer.Item2.Count > 0),
        ];
        foreach (string path in only ?? [])
        {
            if (layers.All(layer => layer.Name != path))
                throw new ExplainerException($"The model has no layer '{path}' with parameters. Its layers: {string.Join(", ", layers.Select(layer => layer.Name))}.");
        }

        if (only is not null)
            layers.RemoveAll(layer => !only.Contains(layer.Name));
        if (layers.Count == 0)
            throw new ExplainerException(only is null ? "The model has no parameters that could be made random." : "No layers are named that could be made random.");
        using DisposeScope scope = NewDisposeScope();
        foreach (Parameter parameter in layers.SelectMany(layer => layer.Parameters))
            saved.Add((parameter, parameter.detach().clone().DetachFromDisposeScope()));
    }

    /// <summary>Names of the layers, in the order in which they are registered.</summary>
    internal IReadOnlyList<string> Layers => [.. layers.Select(layer => layer.Name)];

    /// <summary>Makes a layer random.</summary>
    internal void Randomise(int layer)
    {
        using DisposeScope scope = NewDisposeScope();
        using var quiet = no_grad();
        using Generator generator = new();
        generator.manual_seed(unchecked((seed * 1_000_003L) + layer));
        foreach (Parameter parameter in layers[layer].Parameters)
        {
            Tensor values = parameter.to(float32), mean = values.mean(), deviation = values.std(unbiased: false);
            parameter.copy_((randn(parameter.shape, generator: generator).to(parameter.device) * deviation) + mean);
        }
    }

    /// <summary>Gives every parameter its value back.</summary>
    internal void Restore()
    {
        using var quiet = no_grad();
        foreach ((Parameter parameter, Tensor value) in saved)
            parameter.copy_(value);
    }

    /// <summary>Restores and releases the copies.</summary>
    public void Dispose()
    {
        Restore();
        foreach ((Parameter _, Tensor value) in saved)
            value.Dispose();
    }

    // A TorchScript module names those of its parts too.
    private static List<Parameter> Own(nn.Module module) => [.. module.named_parameters(recurse: false).Where(p => !p.name.Contains('.', StringComparison.Ordinal)).Select(p => p.parameter)];
}
