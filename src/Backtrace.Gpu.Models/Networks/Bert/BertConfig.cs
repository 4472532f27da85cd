using System.Text.Json;
using System.Text.Json.Serialization;
using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Models;

/// <summary>Sizes of a <see cref="Bert"/> or a <see cref="Roberta"/>, as in the config.json of Hugging Face; its other fields change nothing.</summary>
/// <param name="VocabSize">Number of tokens.</param>
/// <param name="HiddenSize">Width of a token.</param>
/// <param name="NumHiddenLayers">Number of encoder layers.</param>
/// <param name="NumAttentionHeads">Heads per layer; divides the width.</param>
/// <param name="IntermediateSize">Width between the two linear layers of an encoder layer.</param>
public sealed record BertConfig(int VocabSize, int HiddenSize, int NumHiddenLayers, int NumAttentionHeads, int IntermediateSize)
{
    private const int MaximumSize = 1 << 20, MaximumLayers = 1000;
    private const long MaximumWeights = 1L << 31;

    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    /// <summary>Kind of network: "bert" or "roberta".</summary>
    public string ModelType { get; init; } = "bert";

    /// <summary>Function between the two linear layers: "gelu", "gelu_new", "gelu_pytorch_tanh", "relu" or "silu".</summary>
    public string HiddenAct { get; init; } = "gelu";

    /// <summary>How positions are told apart; only "absolute" is known.</summary>
    public string PositionEmbeddingType { get; init; } = "absolute";

    /// <summary>Longest text in tokens.</summary>
    public int MaxPositionEmbeddings { get; init; } = 512;

    /// <summary>The token that fills up short texts, from which a RoBERTa counts its places; null for the usual one.</summary>
    public int? PadTokenId { get; init; }

    /// <summary>Number of token types.</summary>
    public int TypeVocabSize { get; init; } = 2;

    /// <summary>Added to the variance in layer normalisation.</summary>
    public double LayerNormEps { get; init; } = 1e-12;

    /// <summary>Probability of dropping a value of the token stream while training.</summary>
    public double HiddenDropoutProb { get; init; } = 0.1;

    /// <summary>Probability of dropping an attention weight while training.</summary>
    public double AttentionProbsDropoutProb { get; init; } = 0.1;

    /// <summary>Number of classes, where the file says it outright.</summary>
    public int? NumLabels { get; init; }

    /// <summary>What the classes are: "multi_label_classification" where several may hold at once; "regression" where they are values; null or another where one holds. Null with one class is a regression too.</summary>
    public string? ProblemType { get; init; }

    /// <summary>Names of the classes by number.</summary>
    [JsonPropertyName("id2label")]
    public IReadOnlyDictionary<string, string>? LabelNames { get; init; }

    /// <summary>The token that fills up short texts.</summary>
    [JsonIgnore]
    public int Padding => PadTokenId ?? (ModelType == "roberta" ? 1 : 0);

    /// <summary>Number of classes.</summary>
    [JsonIgnore]
    public int Classes => NumLabels ?? LabelNames?.Count ?? 2;

    // Those of the matrices.
    internal double Weights => (double)HiddenSize * ((double)VocabSize + MaxPositionEmbeddings + TypeVocabSize + Classes + NumHiddenLayers * (4.0 * HiddenSize + 2.0 * IntermediateSize));

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="ModelException">Missing, not JSON of this form, or of a network that cannot be built.</exception>
    /// <param name="path">Path of the file.</param>
    /// <param name="type">The kind of network that is wanted: "bert" or "roberta".</param>
    public static BertConfig Read(string path, string type = "bert")
    {
        PublishedFile file = new(path);
        BertConfig config = file.As<BertConfig>(Options);
        if (config.Problem(type) is { } problem)
            throw new ModelException($"{path}: {problem}.");
        file.OnlyNetwork(type == "bert" ? "BertForSequenceClassification" : "RobertaForSequenceClassification");
        return config;
    }

    /// <summary>Writes the file.</summary>
    public void Write(string path) => WholeFile.WriteText(path, JsonSerializer.Serialize(this, Options) + "\n");

    /// <summary>Why no network can be built from these sizes, or null.</summary>
    /// <param name="type">The kind of network that is wanted.</param>
    internal string? Problem(string type = "bert")
    {
        if (ModelType != type)
            return $"model_type is '{ModelType}'; a {type} is wanted";
        if (PublishedActivation.Find(HiddenAct) is null)
            return $"hidden_act '{HiddenAct}' is not supported; {PublishedActivation.Known} are";
        if (PositionEmbeddingType != "absolute")
            return $"position_embedding_type '{PositionEmbeddingType}' is not supported; only absolute is";
        if (type == "roberta" && (Padding < 0 || Padding > MaxPositionEmbeddings - 2))
            return $"pad_token_id {Padding} leaves no places of the {MaxPositionEmbeddings}";
        if (ClassLabels.Problem(NumLabels, LabelNames, ProblemType) is { } problem)
            return problem;
        foreach ((string name, int size) in new[]
        {
            ("vocab_size", VocabSize), ("hidden_size", HiddenSize), ("num_hidden_layers", NumHiddenLayers), ("num_attention_heads", NumAttentionHeads),
            ("intermediate_size", IntermediateSize), ("max_position_embeddings", MaxPositionEmbeddings), ("type_vocab_size", TypeVocabSize), ("num_labels", Classes),
        })
        {
            if (size is < 1 or > MaximumSize)
                return $"{name} {size} is not between 1 and {MaximumSize}";
        }
        int widest = new[] { VocabSize, HiddenSize, IntermediateSize, MaxPositionEmbeddings, TypeVocabSize, Classes }.Max();
        if (NumHiddenLayers > MaximumLayers || (long)widest * HiddenSize > MaximumWeights)
            return $"there are more than {MaximumLayers} layers, or one of more than {MaximumWeights} weights";
        if (HiddenSize % NumAttentionHeads != 0)
            return $"num_attention_heads {NumAttentionHeads} does not divide hidden_size {HiddenSize}";
        if (HiddenDropoutProb is not (>= 0 and < 1) || AttentionProbsDropoutProb is not (>= 0 and < 1))
            return $"hidden_dropout_prob {HiddenDropoutProb} or attention_probs_dropout_prob {AttentionProbsDropoutProb} is not at least 0 and below 1";
        return LayerNormEps is > 0 and < 1 ? null : $"layer_norm_eps {LayerNormEps} is not between 0 and 1";
    }
}
