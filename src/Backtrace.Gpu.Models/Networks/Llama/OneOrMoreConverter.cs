using System.Text.Json;
using System.Text.Json.Serialization;

namespace Backtrace.Gpu.Models;

/// <summary>Reads a number or a list of numbers as a list, and null as none.</summary>
internal sealed class OneOrMoreConverter : JsonConverter<IReadOnlyList<long>>
{
    public override bool HandleNull => true;

    // An exception without message is given the path of the key.
    public override IReadOnlyList<long> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.Null)
            return [];
        if (reader.TokenType != JsonTokenType.StartArray)
            return [Number(reader)];
        List<long> numbers = [];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            numbers.Add(Number(reader));
        return numbers;
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<long> value, JsonSerializerOptions options) =>
        JsonSerializer.Serialize(writer, value, options);

    private static long Number(Utf8JsonReader reader) => reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out long number) ? number : throw new JsonException();
}
