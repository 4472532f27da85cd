using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>
/// A model folder: model.safetensors or its shards, or a TorchScript file, model.json and, for texts, a vocabulary; or a Llama, BERT or RoBERTa as Hugging Face publishes it, with
/// config.json and tokenizer.json or vocab.txt. Owns the module.
/// </summary>
public sealed class ModelPackage : IDisposable
{
    /// <summary>Name of the description in a model folder.</summary>
    public const string DescriptionFile = "model.json";

    /// <summary>Name of the weights in a model folder.</summary>
    public const string WeightsFile = "model.safetensors";

    // So few weights that a wrong number of them does no harm.
    private const long Unquestioned = 1 << 20;

    // Networks may have rows for tokens that there are not, up to a round number. Many such rows: the vocabulary was cut short.
    private const int MostPadding = 1024;

    private ModelPackage(string folder, ModelDescription description, Module<Tensor, Tensor> module, WordPiece? tokenizer, TextTokenizer? promptTokenizer)
    {
        Folder = folder;
        Description = description;
        Module = module;
        Tokenizer = tokenizer;
        PromptTokenizer = promptTokenizer;
    }

    /// <summary>The folder.</summary>
    public string Folder { get; }

    /// <summary>The folder's own name, such as "resnet20".</summary>
    public string Name => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(Folder)));

    /// <summary>The contents of model.json.</summary>
    public ModelDescription Description { get; }

    /// <summary>The network with its weights, in evaluation mode, on the CPU.</summary>
    public Module<Tensor, Tensor> Module { get; }

    /// <summary>Makes the input of a <see cref="TextClassifier"/> that reads WordPieces; null for other models.</summary>
    public WordPiece? Tokenizer { get; }

    /// <summary>Makes the input of a <see cref="LanguageModel"/> or a <see cref="Roberta"/>; null for other models.</summary>
    public TextTokenizer? PromptTokenizer { get; }

    /// <summary>Loads a model by name or folder; see <see cref="ModelFolders.Find"/>.</summary>
    /// <param name="nameOrFolder">Name or folder.</param>
    /// <param name="languageModelType">Type of a <see cref="Llama"/>'s weights, such as bf16 for half the memory; other networks are fp32.</param>
    /// <exception cref="ModelException">No such model, or its description, weights or vocabulary are missing or do not fit each other.</exception>
    /// <exception cref="Interop.SafeTensorsException">The weight file is damaged, or a weight is NaN or infinite.</exception>
    /// <exception cref="NotSupportedException">libtorch cannot be loaded.</exception>
    public static ModelPackage Load(string nameOrFolder, ScalarType languageModelType = ScalarType.Float32)
    {
        OneDnn.EnsureRight();
        string folder = ModelFolders.Find(nameOrFolder);
        string descriptionPath = Path.Combine(folder, DescriptionFile);
        bool isDescribed = File.Exists(descriptionPath);
        ModelDescription description = isDescribed ? ModelDescription.Read(descriptionPath) : HuggingFaceFolder.Describe(folder);
        using WeightFiles? weights = description.Architecture.HoldsWeights ? null : WeightFiles.OpenFolder(folder);
        Module<Tensor, Tensor> module = Create(description, isDescribed ? descriptionPath : Path.Combine(folder, HuggingFaceFolder.ConfigFile), weights);
        try
        {
            WordPiece? tokenizer = description.Preprocessing is TextPreprocessing text ? WordPiece.Open(folder, text) : null;
            if (module is TextClassifier network && tokenizer is not null && network.VocabularySize - tokenizer.Pieces.Count is < 0 or >= MostPadding)
                throw new VocabularyException(tokenizer.Path, $"has {Counted.Of(tokenizer.Pieces.Count, "token")}, the network knows {network.VocabularySize}");
            TextTokenizer? promptTokenizer = (description.Preprocessing as PromptPreprocessing)?.Open(folder);
            if (promptTokenizer is not null && (module switch { LanguageModel model => model.VocabularySize, TextClassifier model => model.VocabularySize, _ => 0 }) is int known && promptTokenizer.VocabularySize > known)
                throw new ModelException($"{folder}: the tokenizer has {Counted.Of(promptTokenizer.VocabularySize, "token")}, the network knows {known}.");
            if (weights is not null)
                StateDict.Load(module, weights, languageModelType);
            module.eval();
            return new ModelPackage(folder, description, module, tokenizer, promptTokenizer);
        }
        catch (StateDictException e) when (!isDescribed && module is TextClassifier && e.Missing.Any(name => name.StartsWith("classifier.", StringComparison.Ordinal)))
        {
            module.Dispose();
            throw new ModelException($"{folder}: the weights are those of a network without a classifier ({weights!.Path} has no {e.Missing[0]}); fine-tune it for sequence classification first.", e);
        }
        catch
        {
            module.Dispose();
            throw;
        }
    }

    /// <summary>Releases the module.</summary>
    public void Dispose() => Module.Dispose();

    private static Module<Tensor, Tensor> Create(ModelDescription description, string path, WeightFiles? files)
    {
        Architecture architecture = description.Architecture;
        try
        {
            // Before anything is allocated; what merely does not fit is told tensor by tensor later.
            if (files is not null && files.Tensors.Sum(tensor => tensor.Count) is var held && architecture.Weights > Unquestioned + 2.0 * held)
                throw new ModelException($"{path}: the sizes make about {architecture.Weights:N0} weights, {files.Path} holds {held:N0}.");
            Module<Tensor, Tensor> module = architecture.Create();
            string? problem = (architecture.OutputSize ?? 0) == description.Classes.Count
                ? architecture.Refusal(description.Preprocessing)
                : $"{Counted.Of(description.Classes.Count, "class name")} for {Counted.Of(architecture.OutputSize ?? 0, "output")}";
            if (problem is null)
                return module;
            module.Dispose();
            throw new ModelException($"{path}: {problem}.");
        }
        catch (ArgumentException e)
        {
            string problem = e.ParamName is null ? e.Message : e.Message[..e.Message.LastIndexOf(" (", StringComparison.Ordinal)];
            throw new ModelException($"{path}: architecture: {problem.TrimEnd('.')}.", e);
        }
    }
}
