using System.Text.Json.Serialization;

namespace Backtrace.Gpu.Models;

/// <summary>How rotary frequencies are stretched so that a model reads texts longer than it was first trained on.</summary>
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
    public double Factor { get; init; } = 1;

    /// <summary>llama3: frequencies with fewer turns than this in the original length are divided in full.</summary>
    [JsonPropertyName("low_freq_factor")]
    public double LowTurns { get; init; } = 1;

    /// <summary>llama3: frequencies with more turns than this in the original length are kept.</summary>
    [JsonPropertyName("high_freq_factor")]
    public double HighTurns { get; init; } = 4;

    /// <summary>llama3: longest text of the first training.</summary>
    [JsonPropertyName("original_max_position_embeddings")]
    public int OriginalLength { get; init; } = 8192;

    /// <summary>Base of the frequencies, which newer files state here; null where it stands elsewhere.</summary>
    [JsonPropertyName("rope_theta")]
    public double? Theta { get; init; }

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
        if (Kind is not ("default" or "linear" or "llama3"))
            return $"of type '{Kind}' is unknown; llama3, linear and default are known";
        if (!(Factor is > 0 and < 1e6))
            return $"factor {Factor} makes no sense";
        return Kind != "llama3" || LowTurns > 0 && HighTurns > LowTurns && OriginalLength > 0
            ? null
            : "needs 0 < low_freq_factor < high_freq_factor and a positive original_max_position_embeddings";
    }

    private RopeScaling Plain() => this with { Type = Kind, OldType = null, Theta = null };
}
