using System.Text;
using System.Text.Json;

namespace Backtrace.Gpu.Interop;

/// <summary>
/// Parses and checks the JSON header. Nothing the file says is believed: names must be unique, and the tensors must tile the data area without
/// gap or overlap, so that a reader can never be sent outside the file.
/// </summary>
internal sealed class SafeTensorsHeader
{
    private const int MaximumRank = 64;
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);
    private readonly string file;
    private readonly List<SafeTensorInfo> tensors = [];
    private readonly Dictionary<string, string> metadata = [];

    private SafeTensorsHeader(string file) => this.file = file;

    internal IReadOnlyList<SafeTensorInfo> Tensors => tensors;

    internal IReadOnlyDictionary<string, string> Metadata => metadata;

    internal static SafeTensorsHeader Parse(string file, ReadOnlySpan<byte> json, long dataBytes)
    {
        SafeTensorsHeader header = new(file);
        try
        {
            Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = 8 });
            header.ReadRoot(ref reader);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or DecoderFallbackException)
        {
            throw new SafeTensorsException(file, null, "the header is not valid JSON: " + e.Message.TrimEnd('.'), e);
        }
        header.CheckTiling(dataBytes);
        return header;
    }

    private void ReadRoot(ref Utf8JsonReader reader)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            throw new SafeTensorsException(file, null, "the header is not a JSON object");
        HashSet<string> seen = [];
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = Text(ref reader);
            if (!seen.Add(name))
                throw new SafeTensorsException(file, name, "the name appears twice in the header");
            if (name == "__metadata__")
                ReadMetadata(ref reader);
            else
                tensors.Add(ReadTensor(ref reader, name));
        }
        // The reader itself refuses anything but white space after the closing brace.
        reader.Read();
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartObject, null, "__metadata__ is not an object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = Text(ref reader);
            Expect(ref reader, JsonTokenType.String, null, $"metadata '{key}' is not a string");
            if (!metadata.TryAdd(key, Text(ref reader)))
                throw new SafeTensorsException(file, null, $"metadata '{key}' appears twice");
        }
    }

    private SafeTensorInfo ReadTensor(ref Utf8JsonReader reader, string name)
    {
        Expect(ref reader, JsonTokenType.StartObject, name, "its header entry is not an object");
        SafeTensorType? type = null;
        List<long>? shape = null, offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = Text(ref reader);
            if (key is "dtype" && type is null)
                type = ReadType(ref reader, name);
            else if (key is "shape" && shape is null)
                shape = ReadNumbers(ref reader, name, key);
            else if (key is "data_offsets" && offsets is null)
                offsets = ReadNumbers(ref reader, name, key);
            else
                throw new SafeTensorsException(file, name, $"unexpected or repeated header field '{key}'");
        }
        if (type is null || shape is null || offsets is not { Count: 2 })
            throw new SafeTensorsException(file, name, "needs dtype, shape and two data_offsets");
        SafeTensorInfo info = new(name, type.Value, shape, offsets[0], offsets[1]);
        CheckSize(info);
        return info;
    }

    private SafeTensorType ReadType(ref Utf8JsonReader reader, string name)
    {
        Expect(ref reader, JsonTokenType.String, name, "dtype is not a string");
        string code = Text(ref reader);
        return SafeTensorTypes.TryParse(code, out SafeTensorType type)
            ? type
            : throw new SafeTensorsException(file, name, $"unknown dtype '{(code.Length <= 32 ? code : code[..32] + "...")}'");
    }

    private List<long> ReadNumbers(ref Utf8JsonReader reader, string name, string key)
    {
        Expect(ref reader, JsonTokenType.StartArray, name, $"{key} is not an array");
        List<long> numbers = [];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out long value) || value < 0)
                throw new SafeTensorsException(file, name, $"{key} holds something else than a non-negative 63-bit integer");
            if (numbers.Count == MaximumRank)
                throw new SafeTensorsException(file, name, $"{key} has more than {MaximumRank} entries");
            numbers.Add(value);
        }
        return numbers;
    }

    private void CheckSize(SafeTensorInfo info)
    {
        if (info.End < info.Begin)
            throw new SafeTensorsException(file, info.Name, $"data_offsets [{info.Begin}, {info.End}] run backwards");
        long bytes = info.Type.Size();
        try
        {
            foreach (long extent in info.Shape)
                bytes = checked(bytes * extent);
        }
        catch (OverflowException e)
        {
            throw new SafeTensorsException(file, info.Name, $"shape {info.ShapeText} overflows 63 bits", e);
        }
        if (bytes != info.Bytes)
            throw new SafeTensorsException(file, info.Name, $"shape {info.ShapeText} of {info.Type.Code()} needs {bytes} bytes, data_offsets give {info.Bytes}");
    }

    private void CheckTiling(long dataBytes)
    {
        tensors.Sort((a, b) => (a.Begin, a.End).CompareTo((b.Begin, b.End)));
        long next = 0;
        foreach (SafeTensorInfo info in tensors)
        {
            if (info.End > dataBytes)
                throw new SafeTensorsException(file, info.Name, $"ends at data byte {info.End}, the file holds {dataBytes} (truncated file or false offsets)");
            if (info.Begin < next)
                throw new SafeTensorsException(file, info.Name, $"overlaps the tensor before it (starts at {info.Begin}, that one ends at {next})");
            if (info.Begin > next)
                throw new SafeTensorsException(file, info.Name, $"leaves a gap of {info.Begin - next} bytes before it");
            next = info.End;
        }
        if (next != dataBytes)
            throw new SafeTensorsException(file, null, $"{dataBytes - next} bytes at the end belong to no tensor");
    }

    private void Expect(ref Utf8JsonReader reader, JsonTokenType token, string? tensor, string problem)
    {
        if (!reader.Read() || reader.TokenType != token)
            throw new SafeTensorsException(file, tensor, problem);
    }

    private static string Text(ref Utf8JsonReader reader) =>
        reader.ValueIsEscaped ? reader.GetString()! : StrictUtf8.GetString(reader.ValueSpan);
}
