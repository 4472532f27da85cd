using System.Text.Json;
using System.Text.Json.Serialization;

namespace Backtrace.Gpu.Models;

/// <summary>
/// How rotary frequencies are stretched so that a model reads texts longer than it was first trained on. NaN and 0 stand for numbers that are not given.
/// </summary>
public sealed record RopeScaling
{
    /// <summary>"llama3", "linear" or "default"; older files call the field "type".</summary>
    [JsonPropertyName("rope_type")]
    public string? Type { get; init; }

    /// <summary>The field's older name.</summary>
    [JsonPropertyName("type")]
    public string? OldType { get; init; }

    /// <summary>What low frequencies are divided by.</summary>
    [JsonPropertyName("factor")]
    public double Factor { get; init; } = double.NaN;

    /// <summary>llama3: frequencies with fewer turns than this in the original length are divided in full.</summary>
    [JsonPropertyName("low_freq_factor")]
    public double LowTurns { get; init; } = double.NaN;

    /// <summary>llama3: frequencies with more turns than this in the original length are kept.</summary>
    [JsonPropertyName("high_freq_factor")]
    public double HighTurns { get; init; } = double.NaN;

    /// <summary>llama3: longest text of the first training.</summary>
    [JsonPropertyName("original_max_position_embeddings")]
    public int OriginalLength { get; init; }

    /// <summary>Base of the frequencies, which newer files state here; null where it stands elsewhere.</summary>
    [JsonPropertyName("rope_theta")]
    public double? Theta { get; init; }

    [JsonInclude, JsonExtensionData]
    internal Dictionary<string, JsonElement>? Others { get; init; }

    private string Kind => Type ?? OldType ?? "default";

    /// <summary>The stretched frequency, in radians per position.</summary>
    public double Apply(double frequency)
    {
        if (Kind == "default")
            return frequency;
        if (Kind == "linear")
            return frequency / Factor;
        double turns = OriginalLength * frequency / (2 * Math.PI);
        double kept = Math.Clamp((turns - LowTurns) / (HighTurns - LowTurns), 0, 1);
        return kept * frequency + (1 - kept) * frequency / Factor;
    }

    internal bool StretchesAs(RopeScaling other) => Plain() == other.Plain();

    internal string? Problem()
    {
        if (Type is not null && OldType is not null && Type != OldType)
            return $"has rope_type '{Type}' and type '{OldType}'";
        if (Kind is not ("default" or "linear" or "llama3"))
            return $"of type '{Kind}' is not supported; llama3, linear and default are";
        if (Others?.Count > 0)
            return $"has {Others.Keys.First()}, which is not supported";
        if (Type is null && OldType is null && !double.IsNaN(Factor))
            return $"has factor {Factor} and no rope_type";
        if (Kind == "default")
            return null;
        if (!(Factor is > 0 and < 1e6))
            return double.IsNaN(Factor) ? $"of type '{Kind}' needs a factor" : $"factor {Factor} is not between 0 and 1e6";
        if (Kind == "llama3" && (double.IsNaN(LowTurns) || double.IsNaN(HighTurns) || OriginalLength == 0))
            return "of type 'llama3' needs low_freq_factor, high_freq_factor and original_max_position_embeddings";
        return Kind != "llama3" || LowTurns > 0 && HighTurns > LowTurns && OriginalLength > 0
            ? null
            : $"needs 0 < low_freq_factor < high_freq_factor and a positive original_max_position_embeddings, and has {LowTurns}, {HighTurns} and {OriginalLength}";
    }

    private RopeScaling Plain() => this with { Type = Kind, OldType = null, Theta = null, Others = null };
}
