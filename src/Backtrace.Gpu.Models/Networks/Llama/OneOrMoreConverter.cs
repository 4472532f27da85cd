using System.Text.Json;
using System.Text.Json.Serialization;

namespace Backtrace.Gpu.Models;

/// <summary>Reads a number or a list of numbers as a list.</summary>
internal sealed class OneOrMoreConverter : JsonConverter<IReadOnlyList<long>>
{
    public override IReadOnlyList<long> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.Number ? [reader.GetInt64()] : JsonSerializer.Deserialize<long[]>(ref reader, options) ?? [];

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<long> value, JsonSerializerOptions options) =>
        JsonSerializer.Serialize(writer, value, options);
}
