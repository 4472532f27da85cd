using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Models.Training;

/// <summary>A trained BERT that another network starts from: its vocabulary, its word embeddings and, for a BERT, all other weights.</summary>
internal sealed class TextStart
{
    private const string WordEmbeddings = "bert.embeddings.word_embeddings.weight";
    private readonly Dictionary<string, Tensor> weights;
    private readonly BertConfig config;

    /// <exception cref="ModelException">The model is no BERT.</exception>
    internal TextStart(ModelPackage package)
    {
        if (package is not { Description: { Architecture: BertArchitecture { Config: { } known }, Preprocessing: TextPreprocessing settings }, Tokenizer: { } tokenizer })
            throw new ModelException($"{package.Folder}: training starts from a BERT, and this is none.");
        weights = package.Module.state_dict();
        config = known;
        Settings = settings;
        Tokenizer = tokenizer;
        Classes = package.Description.Classes;
    }

    internal TextPreprocessing Settings { get; }

    internal WordPiece Tokenizer { get; }

    internal IReadOnlyList<string> Classes { get; }

    /// <summary>An LSTM classifier with random weights but for the embeddings.</summary>
    /// <param name="kept">The tokens of the vocabulary, as numbers in that of the start.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="options">Widths and dropout.</param>
    internal (TextClassifier Network, Architecture Architecture) CreateLstm(IReadOnlyList<int> kept, int classes, TextTrainingOptions options)
    {
        LstmSizes sizes = new(kept.Count, config.HiddenSize, options.Hidden, classes, Bidirectional: true);
        LstmClassifier network = new(sizes, options.Dropout);
        Copy(network.state_dict()["embedding.weight"], WordEmbeddings, kept);
        return (network, new LstmArchitecture(sizes));
    }

    /// <summary>A BERT with the weights of the start; the classifier is random if the number of classes differs.</summary>
    /// <inheritdoc cref="CreateLstm" path="/param"/>
    internal (TextClassifier Network, Architecture Architecture) CreateBert(IReadOnlyList<int> kept, int classes, TextTrainingOptions options)
    {
        BertConfig sizes = config with { VocabSize = kept.Count, NumLabels = classes, LabelNames = null, HiddenDropoutProb = options.Dropout, AttentionProbsDropoutProb = options.Dropout };
        Bert network = new(sizes);
        foreach ((string name, Tensor target) in network.state_dict())
        {
            if (name == WordEmbeddings)
                Copy(target, name, kept);
            else if (target.shape.SequenceEqual(weights[name].shape))
                Copy(target, name, null);
        }
        return (network, new BertArchitecture { Config = sizes });
    }

    private void Copy(Tensor target, string name, IReadOnlyList<int>? rows)
    {
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        target.copy_(rows is null ? weights[name] : weights[name].index_select(0, tensor(rows.Select(row => (long)row).ToArray())));
    }
}
