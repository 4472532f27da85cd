using Backtrace.Gpu.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>
/// Linear layers with activations between them. Each layer is registered under its own name, so that weights exported from PyTorch keep their names.
/// </summary>
public sealed class Mlp : Module<Tensor, Tensor>
{
    internal const string ActivationSuffix = "_activation";

    private readonly List<Module<Tensor, Tensor>> steps = [];

    /// <summary>Builds the network with random weights.</summary>
    /// <param name="sizes">Width of the input, of each hidden layer and of the output: at least two numbers.</param>
    /// <param name="hidden">Activation after each layer but the last.</param>
    /// <param name="output">Activation after the last layer.</param>
    /// <param name="layers">Names of the linear layers; fc1, fc2, ... when null.</param>
    /// <param name="dropout">Probability of dropping a hidden unit in training; 0 adds no dropout modules.</param>
    /// <exception cref="ArgumentException">Too few sizes, or not one name per layer.</exception>
    public Mlp(IReadOnlyList<int> sizes, Activation hidden = Activation.Relu, Activation output = Activation.None, IReadOnlyList<string>? layers = null, double dropout = 0)
        : base(nameof(Mlp))
    {
        int count = sizes.Count - 1;
        if (count < 1)
            throw new ArgumentException("An MLP needs an input and an output size.", nameof(sizes));
        if (layers is not null && layers.Count != count)
            throw new ArgumentException($"{Counted.Of(count, "layer needs", "layers need")} {Counted.Of(count, "name")}, not {layers.Count}.", nameof(layers));
        for (int i = 0; i < count; i++)
        {
            string name = layers?[i] ?? $"fc{i + 1}";
            bool last = i == count - 1;
            Add(name, Linear(sizes[i], sizes[i + 1]));
            Add(name + ActivationSuffix, (last ? output : hidden).Create());
            if (dropout > 0 && !last)
                Add(name + "_dropout", Dropout(dropout));
        }
    }

    /// <summary>Maps [batch, inputs] to [batch, outputs].</summary>
    public override Tensor forward(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = input;
        foreach (Module<Tensor, Tensor> step in steps)
            x = step.call(x);
        return x.MoveToOuterDisposeScope();
    }

    private void Add(string name, Module<Tensor, Tensor>? module)
    {
        if (module is null)
            return;
        register_module(name, module);
        steps.Add(module);
    }
}
