using System.Text.Json;
using System.Text.Json.Serialization;

namespace Backtrace.Gpu.Models;

/// <summary>The shape of a <see cref="Llama"/>, as config.json of a Hugging Face model folder states it. Fields that change nothing are skipped.</summary>
/// <param name="HiddenSize">Width between layers.</param>
/// <param name="IntermediateSize">Width inside the gated block.</param>
/// <param name="Layers">Number of layers.</param>
/// <param name="Heads">Query heads per layer.</param>
/// <param name="VocabularySize">Number of tokens.</param>
public sealed record LlamaConfig(
    [property: JsonPropertyName("hidden_size")] int HiddenSize,
    [property: JsonPropertyName("intermediate_size")] int IntermediateSize,
    [property: JsonPropertyName("num_hidden_layers")] int Layers,
    [property: JsonPropertyName("num_attention_heads")] int Heads,
    [property: JsonPropertyName("vocab_size")] int VocabularySize)
{
    // Generous; it keeps a damaged file from asking for terabytes.
    private const int MaximumSize = 1 << 24, MaximumLayers = 1000;

    private static readonly JsonSerializerOptions Options = new() { RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true };

    /// <summary>Key and value heads, each shared by several query heads; as many as <see cref="Heads"/> when the file names none.</summary>
    [JsonPropertyName("num_key_value_heads")]
    public int? SharedHeads { get; init; }

    /// <summary>Width of one head when it is not <see cref="HiddenSize"/> / <see cref="Heads"/>.</summary>
    [JsonPropertyName("head_dim")]
    public int? StatedHeadSize { get; init; }

    /// <summary>Most tokens of one input.</summary>
    [JsonPropertyName("max_position_embeddings")]
    public int MaximumLength { get; init; } = 2048;

    /// <summary>Added to the mean square in each normalisation.</summary>
    [JsonPropertyName("rms_norm_eps")]
    public double NormEpsilon { get; init; } = 1e-6;

    /// <summary>Base of the rotary frequencies as older files state it.</summary>
    [JsonPropertyName("rope_theta")]
    public double? StatedTheta { get; init; }

    /// <summary>How the rotary frequencies are stretched, as older files state it; null for not at all.</summary>
    [JsonPropertyName("rope_scaling")]
    public RopeScaling? RopeScaling { get; init; }

    /// <summary>Base and stretching of the rotary frequencies in one, as newer files state them.</summary>
    [JsonPropertyName("rope_parameters")]
    public RopeScaling? RopeParameters { get; init; }

    /// <summary>True when the output layer uses the token embeddings as its weights.</summary>
    [JsonPropertyName("tie_word_embeddings")]
    public bool IsTied { get; init; }

    /// <summary>Function of the gate branch; only "silu", also called "swish", is known.</summary>
    [JsonPropertyName("hidden_act")]
    public string Activation { get; init; } = "silu";

    /// <summary>True when the four projections of attention have biases.</summary>
    [JsonPropertyName("attention_bias")]
    public bool HasAttentionBias { get; init; }

    /// <summary>True when the three projections of the gated block have biases.</summary>
    [JsonPropertyName("mlp_bias")]
    public bool HasMlpBias { get; init; }

    /// <summary>Tokens that end a text; one number, a list, or null for none in the file.</summary>
    [JsonPropertyName("eos_token_id")]
    [JsonConverter(typeof(OneOrMoreConverter))]
    public IReadOnlyList<long> EndTokens { get; init; } = [];

    /// <summary>Why the most likely tokens are not those with which the folder's settings would continue a text; null if they are.</summary>
    [JsonIgnore]
    internal string? GenerationProblem { get; init; }

    /// <summary>Key and value heads.</summary>
    [JsonIgnore]
    public int KeyValueHeads => SharedHeads ?? Heads;

    /// <summary>Width of one head.</summary>
    [JsonIgnore]
    public int HeadSize => StatedHeadSize ?? HiddenSize / Heads;

    /// <summary>Base of the rotary frequencies.</summary>
    [JsonIgnore]
    public double RopeTheta => RopeParameters?.Theta ?? StatedTheta ?? 10_000;

    /// <summary>How the rotary frequencies are stretched; null for not at all.</summary>
    [JsonIgnore]
    public RopeScaling? Stretching => RopeParameters ?? RopeScaling;

    /// <summary>Reads and checks config.json.</summary>
    /// <exception cref="ModelException">Missing, damaged, incomplete, or describing no network that can be built.</exception>
    public static LlamaConfig Read(string path)
    {
        PublishedFile file = new(path);
        LlamaConfig config = file.As<LlamaConfig>(Options);
        if (config.Problem() is { } problem)
            throw new ModelException($"{path}: {problem}.");
        file.OnlyNetwork("LlamaForCausalLM");
        file.Only("partial_rotary_factor", "1");
        foreach (string key in new[] { "sliding_window", "attention_chunk_size" })
            file.Only(key);
        return config;
    }

    /// <summary>What keeps the network from being built, or null.</summary>
    internal string? Problem()
    {
        foreach ((string name, int size) in new[]
        {
            ("hidden_size", HiddenSize), ("intermediate_size", IntermediateSize), ("vocab_size", VocabularySize), ("num_attention_heads", Heads),
            ("num_key_value_heads", KeyValueHeads), ("head_dim", Heads > 0 ? HeadSize : 1), ("max_position_embeddings", MaximumLength),
        })
        {
            if (size is < 1 or > MaximumSize)
                return $"{name} {size} is not between 1 and {MaximumSize}";
        }
        if (Layers is < 1 or > MaximumLayers)
            return $"num_hidden_layers {Layers} is not between 1 and {MaximumLayers}";
        if (Heads % KeyValueHeads != 0)
            return $"num_attention_heads {Heads} is no multiple of num_key_value_heads {KeyValueHeads}";
        if (StatedHeadSize is null && HiddenSize % Heads != 0)
            return $"hidden_size {HiddenSize} is no multiple of num_attention_heads {Heads}, and there is no head_dim";
        if ((long)Heads * HeadSize > MaximumSize)
            return $"num_attention_heads {Heads} of head_dim {HeadSize} are more than {MaximumSize} together";
        if (HeadSize % 2 != 0)
            return $"head_dim {HeadSize} is odd, rotary embeddings need pairs";
        if (Activation is not ("silu" or "swish"))
            return $"hidden_act '{Activation}' is not supported; only silu is";
        if (!(NormEpsilon is > 0 and < 1))
            return $"rms_norm_eps {NormEpsilon} is not between 0 and 1";
        if (!(RopeTheta is > 1 and < 1e12))
            return $"rope_theta {RopeTheta} is not between 1 and 1e12";
        if (RopeParameters is not null && StatedTheta is { } stated && stated != RopeTheta)
            return $"rope_theta is {stated} by itself and {RopeTheta} in rope_parameters";
        if (RopeParameters is not null && RopeScaling is not null && !RopeParameters.StretchesAs(RopeScaling))
            return "rope_scaling and rope_parameters contradict each other";
        return Stretching?.Problem() is { } problem ? $"{(RopeParameters is null ? "rope_scaling" : "rope_parameters")} {problem}" : null;
    }
}
