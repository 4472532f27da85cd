using System.Text.Json.Serialization;
using Backtrace.Gpu.Kernels;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>An <see cref="Mlp"/>.</summary>
/// <param name="Sizes">Width of the input, of each hidden layer and of the output.</param>
/// <param name="Layers">Names of the linear layers, as in the weight file.</param>
/// <param name="Activation">Activation after each layer but the last.</param>
/// <param name="OutputActivation">Activation after the last layer.</param>
public sealed record MlpArchitecture(
    IReadOnlyList<int> Sizes, IReadOnlyList<string> Layers, Activation Activation = Activation.Relu, Activation OutputActivation = Activation.None) : Architecture
{
    private const long MaximumWeights = 1L << 31;

    /// <inheritdoc/>
    [JsonIgnore]
    public override int? OutputSize => Sizes[^1];

    /// <inheritdoc/>
    [JsonIgnore]
    public override bool IsRegression => OutputActivation switch
    {
        Activation.None => OutputSize == 1,
        Activation.Sigmoid or Activation.Softmax => false,
        _ => true,
    };

    internal override double Weights => Sizes.Zip(Sizes.Skip(1), (a, b) => (double)a * b).Sum();

    /// <inheritdoc/>
    public override Module<Tensor, Tensor> Create()
    {
        if (Sizes is null || Layers is null || Sizes.Count < 2 || Sizes.Any(size => size < 1))
            throw new ArgumentException($"an MLP needs at least two positive sizes, not [{string.Join(", ", Sizes ?? [])}], and the names of its layers");
        if (Sizes.Zip(Sizes.Skip(1), (a, b) => (long)a * b).Any(weights => weights > MaximumWeights))
            throw new ArgumentException($"a layer has more than {MaximumWeights} weights");
        if (Layers.Distinct().Count() != Layers.Count || Layers.Any(name => string.IsNullOrWhiteSpace(name) || name.Contains('.', StringComparison.Ordinal)))
            throw new ArgumentException($"layer names must be distinct and without dots, not [{string.Join(", ", Layers)}]");
        if (Layers.FirstOrDefault(name => Layers.Contains(name + Mlp.ActivationSuffix)) is { } layer)
            throw new ArgumentException($"a layer must not be called {layer}{Mlp.ActivationSuffix}: so is the activation of {layer}");
        return new Mlp(Sizes, Activation, OutputActivation, Layers);
    }

    internal override string? Refusal(Preprocessing preprocessing) => preprocessing switch
    {
        TextPreprocessing => "the network takes numbers, not texts",
        ImagePreprocessing { Flatten: false } when preprocessing.InputSize == Sizes[0] => "the network takes flat input; set flatten",
        _ when preprocessing.InputSize != Sizes[0] => $"preprocessing makes {Counted.Of(preprocessing.InputSize ?? 0, "number")}, the network takes {Sizes[0]}",
        _ => null,
    };
}
