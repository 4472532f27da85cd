using System.Text.Json.Serialization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Which network to build; part of a model's description.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(MlpArchitecture), "mlp")]
[JsonDerivedType(typeof(CifarResNetArchitecture), "cifar-resnet")]
[JsonDerivedType(typeof(ImageNetResNetArchitecture), "imagenet-resnet")]
[JsonDerivedType(typeof(BertArchitecture), "bert")]
public abstract record Architecture
{
    /// <summary>Number of outputs.</summary>
    [JsonIgnore]
    public abstract int OutputSize { get; }

    /// <summary>Builds the network with random weights.</summary>
    /// <exception cref="ArgumentException">The description makes no network.</exception>
    public abstract Module<Tensor, Tensor> Create();

    /// <summary>The same with what stands in other files of the model folder.</summary>
    /// <exception cref="ModelException">Such a file is missing or broken.</exception>
    internal virtual Architecture Complete(string folder) => this;

    /// <summary>Why the network cannot take what a preprocessing makes, or null.</summary>
    internal abstract string? Refusal(Preprocessing preprocessing);

    /// <summary>The refusal of a network that takes colour pictures of any size.</summary>
    private protected static string? RefusalOfPictures(Preprocessing preprocessing) => preprocessing switch
    {
        ImagePreprocessing { Flatten: false, Channels: 3 } => null,
        ImagePreprocessing { Flatten: false } => "the network takes pictures of 3 channels",
        _ => "the network takes pictures that are not flattened",
    };
}

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
    public override int OutputSize => Sizes[^1];

    /// <inheritdoc/>
    public override Module<Tensor, Tensor> Create()
    {
        if (Sizes is null || Layers is null || Sizes.Count < 2 || Sizes.Any(size => size < 1))
            throw new ArgumentException("an MLP needs at least two positive sizes and the names of its layers");
        if (Sizes.Zip(Sizes.Skip(1), (a, b) => (long)a * b).Any(weights => weights > MaximumWeights))
            throw new ArgumentException($"a layer has more than {MaximumWeights} weights");
        if (Layers.Distinct().Count() != Layers.Count || Layers.Any(name => string.IsNullOrWhiteSpace(name) || name.Contains('.', StringComparison.Ordinal)))
            throw new ArgumentException("layer names must be distinct and without dots");
        return new Mlp(Sizes, Activation, OutputActivation, Layers);
    }

    internal override string? Refusal(Preprocessing preprocessing) => preprocessing switch
    {
        TextPreprocessing => "the network takes numbers, not texts",
        ImagePreprocessing { Flatten: false } when preprocessing.InputSize == Sizes[0] => "the network takes flat input; set flatten",
        _ when preprocessing.InputSize != Sizes[0] => $"preprocessing makes {preprocessing.InputSize} numbers, the network takes {Sizes[0]}",
        _ => null,
    };
}

/// <summary>A <see cref="ResNet.Cifar"/>.</summary>
/// <param name="Depth">Number of weighted layers.</param>
/// <param name="Classes">Number of outputs.</param>
public sealed record CifarResNetArchitecture(int Depth, int Classes) : Architecture
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override int OutputSize => Classes;

    /// <inheritdoc/>
    public override Module<Tensor, Tensor> Create() => Depth > 1202 || Classes is < 1 or > 100_000
        ? throw new ArgumentException($"depth {Depth} with {Classes} classes is out of range")
        : ResNet.Cifar(Depth, Classes);

    internal override string? Refusal(Preprocessing preprocessing) => RefusalOfPictures(preprocessing);
}

/// <summary>A <see cref="ResNet.ImageNet"/>.</summary>
/// <param name="Depth">18 or 34.</param>
/// <param name="Classes">Number of outputs.</param>
public sealed record ImageNetResNetArchitecture(int Depth, int Classes) : Architecture
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override int OutputSize => Classes;

    /// <inheritdoc/>
    public override Module<Tensor, Tensor> Create() => Classes is < 1 or > 100_000
        ? throw new ArgumentException($"{Classes} classes are out of range")
        : ResNet.ImageNet(Depth, Classes);

    internal override string? Refusal(Preprocessing preprocessing) => RefusalOfPictures(preprocessing);
}
