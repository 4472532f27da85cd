using System.Text.Json.Serialization;
using Backtrace.Gpu.Kernels;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Which network to build; part of a model's description.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(MlpArchitecture), "mlp")]
[JsonDerivedType(typeof(CifarResNetArchitecture), "cifar-resnet")]
[JsonDerivedType(typeof(ImageNetResNetArchitecture), "imagenet-resnet")]
[JsonDerivedType(typeof(UNetArchitecture), "unet")]
[JsonDerivedType(typeof(BertArchitecture), "bert")]
[JsonDerivedType(typeof(DistilBertArchitecture), "distilbert")]
[JsonDerivedType(typeof(RobertaArchitecture), "roberta")]
[JsonDerivedType(typeof(LstmArchitecture), "lstm")]
[JsonDerivedType(typeof(LlamaArchitecture), "llama")]
[JsonDerivedType(typeof(LstmLanguageModelArchitecture), "lstm-language-model")]
[JsonDerivedType(typeof(TorchScriptArchitecture), "torchscript")]
public abstract record Architecture
{
    /// <summary>Number of classes that the outputs stand for; null when they stand for the tokens of a vocabulary.</summary>
    [JsonIgnore]
    public abstract int? OutputSize { get; }

    /// <summary>True when each class is a question of its own, so that each output is the logit of one.</summary>
    [JsonIgnore]
    public virtual bool IsMultiLabel => false;

    /// <summary>True when outputs are values of their own, such as prices, and no scores of classes: a single output is one unless the network says otherwise.</summary>
    [JsonIgnore]
    public virtual bool IsRegression => OutputSize == 1;

    /// <summary>Builds the network, without the weights of the model.</summary>
    /// <exception cref="ArgumentException">The description makes no network.</exception>
    public abstract Module<Tensor, Tensor> Create();

    /// <summary>True when <see cref="Create"/> reads the weights too.</summary>
    internal virtual bool HoldsWeights => false;

    /// <summary>About how many weights <see cref="Create"/> allocates; 0 where the sizes cannot make it many.</summary>
    internal virtual double Weights => 0;

    /// <summary>The same with what stands in other files of the model folder.</summary>
    /// <exception cref="ModelException">Such a file is missing or broken.</exception>
    internal virtual Architecture Complete(string folder) => this;

    /// <summary>Writes what <see cref="Complete"/> reads.</summary>
    internal virtual void Save(string folder)
    {
    }

    /// <summary>Why the network cannot take what a preprocessing makes, or null.</summary>
    internal abstract string? Refusal(Preprocessing preprocessing);

    /// <summary>Path of a file of the model folder itself, never of another one.</summary>
    private protected static string FileOf(string folder, string name, string field = "configFile") => Path.GetFileName(name) == name && name.Length > 0
        ? Path.Combine(folder, name)
        : throw new ModelException($"{folder}: {field} '{name}' is not the name of a file in the model folder.");

    /// <summary>The refusal of a network that takes pictures of any size.</summary>
    private protected static string? RefusalOfPictures(Preprocessing preprocessing, int channels = 3) => preprocessing switch
    {
        ImagePreprocessing { Flatten: false } image => image.Channels == channels ? null : $"the network takes pictures of {Counted.Of(channels, "channel")}",
        _ => "the network takes pictures that are not flattened",
    };

    /// <summary>The refusal of a network that takes texts of limited length.</summary>
    private protected static string? RefusalOfTexts(Preprocessing preprocessing, int places) => preprocessing switch
    {
        TextPreprocessing text when text.MaximumLength > places => $"preprocessing makes up to {Counted.Of(text.MaximumLength, "token")}, the network has places for {places}",
        TextPreprocessing => null,
        _ => "the network takes texts",
    };

    /// <summary>The refusal of a network whose tokens come from a <see cref="TextTokenizer"/>.</summary>
    private protected static string? RefusalOfPrompts(Preprocessing preprocessing) => preprocessing is PromptPreprocessing ? null : "the network takes prompts";
}
