using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>JSON values in a file of their own, one a line, until the document that they belong to is written. The file goes with this.</summary>
internal sealed class JsonLines(string path) : IDisposable
{
    private readonly FileStream file = new(path, FileMode.Create, FileAccess.ReadWrite, FileShare.None, 1 << 16, FileOptions.DeleteOnClose);

    internal void Add(object value)
    {
        JsonSerializer.Serialize(file, value, ExplainJson.Compact);
        file.WriteByte((byte)'\n');
    }

    /// <summary>All values, in their order.</summary>
    internal IEnumerable<RawJson> Read()
    {
        file.Position = 0;
        using StreamReader lines = new(file, Encoding.UTF8, detectEncodingFromByteOrderMarks: false, leaveOpen: true);
        while (lines.ReadLine() is { } line)
            yield return new RawJson(line);
    }

    public void Dispose() => file.Dispose();
}

/// <summary>A JSON value that is text already.</summary>
[JsonConverter(typeof(Converter))]
internal readonly record struct RawJson(string Text)
{
    private sealed class Converter : JsonConverter<RawJson>
    {
        public override RawJson Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, RawJson value, JsonSerializerOptions options) => writer.WriteRawValue(value.Text, skipInputValidation: true);
    }
}
