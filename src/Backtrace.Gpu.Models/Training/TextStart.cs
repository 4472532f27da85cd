using Backtrace.Gpu.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Models.Training;

/// <summary>
/// A trained BERT, DistilBERT or RoBERTa that another network starts from: its vocabulary, its word embeddings and, for one of the same kind, all other weights.
/// </summary>
internal sealed class TextStart
{
    private readonly ModelPackage package;
    private readonly Dictionary<string, Tensor> weights;
    private readonly string wordEmbeddings;

    /// <exception cref="ModelException">The model is none of these.</exception>
    internal TextStart(ModelPackage package)
    {
        (Name, string prefix) = package.Description.Architecture switch
        {
            BertArchitecture => ("BERT", "bert"),
            DistilBertArchitecture => ("DistilBERT", "distilbert"),
            RobertaArchitecture => ("RoBERTa", "roberta"),
            _ => throw new ModelException($"{package.Folder}: training starts from a BERT, a DistilBERT or a RoBERTa, and this is none; give the folder of one."),
        };
        this.package = package;
        weights = package.Module.state_dict();
        wordEmbeddings = $"{prefix}.embeddings.word_embeddings.weight";
    }

    /// <summary>What people call the network.</summary>
    internal string Name { get; }

    internal IReadOnlyList<string> Classes => package.Description.Classes;

    /// <summary>How the trained network will read texts.</summary>
    /// <param name="texts">The training texts.</param>
    /// <param name="options">Which network, and how rare a token may be.</param>
    /// <exception cref="ModelException">The start's vocabulary does not serve the network.</exception>
    internal TextCoding Coding(IReadOnlyList<string> texts, TextTrainingOptions options)
    {
        if (package.Module is Roberta roberta)
            return PairCoding((RobertaArchitecture)package.Description.Architecture, roberta.MaximumLength, options);
        TextPreprocessing settings = (TextPreprocessing)package.Description.Preprocessing with { SpecialTokens = options.Network == TextNetwork.Bert, Vocabulary = Vocabulary.LinesFile };
        IReadOnlyList<int> kept = VocabularyReduction.Keep(package.Tokenizer!, texts, options.MinimumOccurrences);
        WordPiece tokenizer = package.Tokenizer!.Reduce(kept, settings);
        return new TextCoding(settings, tokenizer.Tokenize, tokenizer.Padding, kept, tokenizer.Save);
    }

    /// <summary>An LSTM classifier with random weights but for the embeddings.</summary>
    /// <param name="coding">How it reads texts.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="options">Widths and dropout.</param>
    internal (TextClassifier Network, Architecture Architecture) CreateLstm(TextCoding coding, int classes, TextTrainingOptions options)
    {
        Tensor embeddings = weights[wordEmbeddings];
        LstmSizes sizes = new(coding.Kept?.Count ?? (int)embeddings.shape[0], (int)embeddings.shape[1], options.Hidden, classes, Bidirectional: true);
        LstmClassifier network = new(sizes, options.Dropout);
        Copy(network.state_dict()["embedding.weight"], wordEmbeddings, coding.Kept);
        return (network, new LstmArchitecture(sizes));
    }

    /// <summary>A network of the start's kind with its weights; the classifier is random if the number of classes differs.</summary>
    /// <inheritdoc cref="CreateLstm" path="/param"/>
    internal (TextClassifier Network, Architecture Architecture) CreateSame(TextCoding coding, int classes, TextTrainingOptions options)
    {
        int tokens = coding.Kept?.Count ?? (int)weights[wordEmbeddings].shape[0];
        double dropout = options.Dropout;
        Architecture architecture = package.Description.Architecture switch
        {
            DistilBertArchitecture { Config: { } c } => new DistilBertArchitecture { Config = c with { VocabSize = tokens, NumLabels = classes, LabelNames = null, ProblemType = null, Dropout = dropout, AttentionDropout = dropout, SeqClassifDropout = dropout } },
            BertArchitecture { Config: { } c } => new BertArchitecture { Config = Resized(c) },
            RobertaArchitecture { Config: { } c } => new RobertaArchitecture { Config = Resized(c) },
            _ => throw new NotSupportedException(),
        };
        TextClassifier network = (TextClassifier)architecture.Create();
        foreach ((string name, Tensor target) in network.state_dict())
        {
            if (name == wordEmbeddings)
                Copy(target, name, coding.Kept);
            else if (target.shape.SequenceEqual(weights[name].shape))
                Copy(target, name, null);
        }
        return (network, architecture);

        BertConfig Resized(BertConfig c) => c with { VocabSize = tokens, NumLabels = classes, LabelNames = null, ProblemType = null, HiddenDropoutProb = dropout, AttentionProbsDropoutProb = dropout };
    }

    private TextCoding PairCoding(RobertaArchitecture architecture, int most, TextTrainingOptions options)
    {
        if (options.Network == TextNetwork.Lstm)
            throw new ModelException($"{package.Folder}: an LSTM reads WordPieces, and this RoBERTa cuts texts into byte pairs; start from a BERT or a DistilBERT, or train the RoBERTa itself.");
        if (options.MinimumOccurrences > 0)
            throw new ModelException($"{package.Folder}: the byte pairs of a RoBERTa are made from each other, so rare ones cannot leave the vocabulary; leave the least count out.");
        TextTokenizer tokenizer = package.PromptTokenizer!;
        string file = ((PromptPreprocessing)package.Description.Preprocessing).File;
        byte[] contents = File.ReadAllBytes(Path.Combine(package.Folder, file));
        return new TextCoding(package.Description.Preprocessing, Cut, architecture.Config!.Padding, null, folder => WholeFile.Write(Path.Combine(folder, file), stream => stream.Write(contents)));

        // The last token closes the text.
        TokenizedText Cut(string text)
        {
            TokenizedText whole = tokenizer.Tokenize(text);
            return whole.Ids.Count <= most
                ? whole
                : new TokenizedText(text, [.. whole.Ids.Take(most - 1), whole.Ids[^1]], [.. whole.Tokens.Take(most - 1), whole.Tokens[^1]], IsCut: true);
        }
    }

    private void Copy(Tensor target, string name, IReadOnlyList<int>? rows)
    {
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        target.copy_(rows is null ? weights[name] : weights[name].index_select(0, tensor(rows.Select(row => (long)row).ToArray())));
    }
}
