using System.Text.Json;
using System.Text.Json.Serialization;
using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Models;

/// <summary>Sizes of a <see cref="DistilBert"/>, as in the config.json of Hugging Face; its other fields change nothing.</summary>
/// <param name="VocabSize">Number of tokens.</param>
/// <param name="Dim">Width of a token.</param>
/// <param name="NLayers">Number of layers.</param>
/// <param name="NHeads">Heads per layer; divides the width.</param>
/// <param name="HiddenDim">Width between the two linear layers of a layer.</param>
public sealed record DistilBertConfig(int VocabSize, int Dim, int NLayers, int NHeads, int HiddenDim)
{
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    /// <summary>Kind of network; only "distilbert" can be built.</summary>
    public string ModelType { get; init; } = "distilbert";

    /// <summary>Function between the two linear layers, as in <see cref="BertConfig.HiddenAct"/>.</summary>
    public string Activation { get; init; } = "gelu";

    /// <summary>Longest text in tokens.</summary>
    public int MaxPositionEmbeddings { get; init; } = 512;

    /// <summary>Probability of dropping a value of the token stream while training.</summary>
    public double Dropout { get; init; } = 0.1;

    /// <summary>Probability of dropping an attention weight while training.</summary>
    public double AttentionDropout { get; init; } = 0.1;

    /// <summary>Probability of dropping a value before the classifier while training.</summary>
    public double SeqClassifDropout { get; init; } = 0.2;

    /// <summary>Number of classes, where the file says it outright.</summary>
    public int? NumLabels { get; init; }

    /// <summary>What the classes are: "multi_label_classification" where several may hold at once; "regression" where they are values; null or another where one holds. Null with one class is a regression too.</summary>
    public string? ProblemType { get; init; }

    /// <summary>Names of the classes by number.</summary>
    [JsonPropertyName("id2label")]
    public IReadOnlyDictionary<string, string>? LabelNames { get; init; }

    /// <summary>Number of classes.</summary>
    [JsonIgnore]
    public int Classes => NumLabels ?? LabelNames?.Count ?? 2;

    internal double Weights => AsBert.Weights;

    private BertConfig AsBert => new(VocabSize, Dim, NLayers, NHeads, HiddenDim)
    {
        MaxPositionEmbeddings = MaxPositionEmbeddings,
        NumLabels = Classes,
        HiddenDropoutProb = Dropout,
        AttentionProbsDropoutProb = AttentionDropout,
    };

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="ModelException">Missing, not JSON of this form, or of a network that cannot be built.</exception>
    public static DistilBertConfig Read(string path)
    {
        PublishedFile file = new(path);
        DistilBertConfig config = file.As<DistilBertConfig>(Options);
        if (config.Problem() is { } problem)
            throw new ModelException($"{path}: {problem}.");
        file.OnlyNetwork("DistilBertForSequenceClassification");
        // The other names that transformers knows the sizes by.
        foreach ((string name, int size) in new[] { ("hidden_size", config.Dim), ("num_attention_heads", config.NHeads), ("num_hidden_layers", config.NLayers) })
            file.Only(name, $"{size}");
        return config;
    }

    /// <summary>Writes the file.</summary>
    public void Write(string path) => WholeFile.WriteText(path, JsonSerializer.Serialize(this, Options) + "\n");

    /// <summary>Why no network can be built from these sizes, or null.</summary>
    internal string? Problem()
    {
        if (ModelType != "distilbert")
            return $"model_type is '{ModelType}'; a distilbert is wanted";
        if (PublishedActivation.Find(Activation) is null)
            return $"activation '{Activation}' is not supported; {PublishedActivation.Known} are";
        if (SeqClassifDropout is not (>= 0 and < 1))
            return "probabilities of dropping must be at least 0 and below 1";
        return ClassLabels.Problem(NumLabels, LabelNames, ProblemType) ?? AsBert.Problem()?.Replace("hidden_size", "dim", StringComparison.Ordinal)
            .Replace("num_hidden_layers", "n_layers", StringComparison.Ordinal).Replace("num_attention_heads", "n_heads", StringComparison.Ordinal)
            .Replace("intermediate_size", "hidden_dim", StringComparison.Ordinal);
    }
}
