using System.Text.Json;

namespace Backtrace.Gpu.Models;

/// <summary>A JSON object of a folder as Hugging Face publishes it. What it says and is not done here is refused by key and value.</summary>
internal sealed class PublishedFile
{
    private const int LongestValue = 200;

    private readonly JsonElement root;

    /// <exception cref="ModelException">Missing, or no JSON object.</exception>
    internal PublishedFile(string path)
    {
        Path = path;
        if (!File.Exists(path))
            throw new ModelException($"{path}: there is no such configuration; the folder of a published model needs it.");
        try
        {
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(path));
            root = json.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new ModelException($"{path}: not a valid configuration: {e.Message}", e);
        }
        if (root.ValueKind != JsonValueKind.Object)
            throw new ModelException($"{path}: not a valid configuration: it is no JSON object.");
    }

    /// <summary>Path of the file.</summary>
    internal string Path { get; }

    /// <summary>The file, or null where there is none.</summary>
    internal static PublishedFile? Find(string path) => File.Exists(path) ? new PublishedFile(path) : null;

    /// <summary>What stands under a key, or under the key of an object of the file as "object.key"; null where nothing or null does.</summary>
    internal JsonElement? this[string key]
    {
        get
        {
            if (root.TryGetProperty(key, out JsonElement value))
                return value.ValueKind == JsonValueKind.Null ? null : value;
            value = root;
            foreach (string part in key.Split('.'))
            {
                if (value.ValueKind != JsonValueKind.Object || !value.TryGetProperty(part, out value))
                    return null;
            }
            return value.ValueKind == JsonValueKind.Null ? null : value;
        }
    }

    /// <summary>The keys of the file itself.</summary>
    internal IEnumerable<string> Keys => root.EnumerateObject().Select(property => property.Name);

    internal bool? Flag(string key) => this[key] is not { } value ? null
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Refusal(key, "true or false is needed");

    internal string? Text(string key) => this[key] is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString() : throw Refusal(key, "a text is needed");

    /// <summary>Refuses every value of a key but one, which is also what a missing key and null mean.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">That value as JSON.</param>
    internal void Only(string key, string value = "null")
    {
        if (!IsOnly(key, value))
            throw Refusal(key, value == "null" ? "this is not supported" : $"only {value} is supported");
    }

    /// <summary>Whether nothing stands under a key, or one of some values.</summary>
    /// <param name="key">The key.</param>
    /// <param name="values">The values as JSON.</param>
    internal bool IsOnly(string key, params string[] values) => this[key] is not { } given || values.Any(value =>
    {
        using JsonDocument neutral = JsonDocument.Parse(value);
        return JsonElement.DeepEquals(given, neutral.RootElement);
    });

    /// <summary>Refuses keys that make other networks of these weights, and networks that are not the wanted one.</summary>
    /// <param name="network">Name of the wanted one, where the file names some.</param>
    internal void OnlyNetwork(string network)
    {
        foreach (string key in new[] { "is_decoder", "is_encoder_decoder", "add_cross_attention" })
            Only(key, "false");
        Only("pruned_heads", "{}");
        foreach (string key in new[] { "quantization_config", "auto_map" })
            Only(key);
        const string architectures = "architectures";
        if (this[architectures] is not { } names)
            return;
        if (names.ValueKind != JsonValueKind.Array || names.GetArrayLength() > 0 && !names.EnumerateArray().Any(name => string.Equals(name.ToString(), network, StringComparison.OrdinalIgnoreCase)))
            throw Refusal(architectures, $"only {network} is supported");
    }

    /// <summary>The whole file as an object.</summary>
    /// <exception cref="ModelException">A key is missing or has a value of another kind.</exception>
    internal T As<T>(JsonSerializerOptions options) where T : class
    {
        try
        {
            return root.Deserialize<T>(options)!;
        }
        catch (JsonException e)
        {
            throw new ModelException($"{Path}: not a valid configuration: {Explain(e, options, typeof(T))}", e);
        }
    }

    /// <summary>The exception that names the file, the key and its value.</summary>
    /// <param name="key">The key.</param>
    /// <param name="supported">What is possible instead, as a part of a sentence.</param>
    internal ModelException Refusal(string key, string supported) => new($"{Path}: {key} is {Show(this[key])}; {supported}.");

    private static string Show(JsonElement? value)
    {
        string text = value?.GetRawText() ?? "not there";
        return text.Length > LongestValue ? text[..LongestValue] + "..." : text;
    }

    // The serializer names the key only by its path, and not its value.
    private string Explain(JsonException e, JsonSerializerOptions options, Type type)
    {
        if (e.Path is not ['$', '.', .. string key] || !root.TryGetProperty(key.Split('.', '[')[0], out JsonElement value))
            return e.Message;
        value = this[key] ?? value;
        Type? wanted = options.GetTypeInfo(type).Properties.FirstOrDefault(property => property.Name == key)?.PropertyType;
        string kind = (wanted is null ? null : Nullable.GetUnderlyingType(wanted) ?? wanted) switch
        {
            { } number when number == typeof(int) => "a whole number",
            { } number when number == typeof(double) => "a number",
            { } flag when flag == typeof(bool) => "true or false",
            { } text when text == typeof(string) => "a text",
            _ => "another kind of value",
        };
        return $"{key} is {Show(value)}; {kind} is needed.";
    }
}
