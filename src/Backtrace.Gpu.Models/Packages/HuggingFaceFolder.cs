using System.Text.Json;

namespace Backtrace.Gpu.Models;

/// <summary>Model folders as Hugging Face publishes them, which say nothing about preprocessing: it follows from the files that are there.</summary>
internal static class HuggingFaceFolder
{
    /// <summary>Name of the configuration that every such folder has.</summary>
    internal const string ConfigFile = "config.json";

    /// <summary>Describes a model by its config.json and its tokenizer.</summary>
    /// <exception cref="ModelException">The configuration is damaged, of another kind of model, or there is no tokenizer.</exception>
    internal static ModelDescription Describe(string folder)
    {
        string config = Path.Combine(folder, ConfigFile), type = ModelType(config);
        if (type != "llama")
            throw new ModelException($"{config}: model_type '{type}' is unknown; llama is known.");
        string title = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        return new ModelDescription(title, new LlamaArchitecture().Complete(folder), FindTokenizer(folder), []);
    }

    private static string ModelType(string config)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(config));
            return json.RootElement.GetProperty("model_type").GetString() ?? "";
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new ModelException($"{config}: not a model configuration: {e.Message}", e);
        }
    }

    private static PromptPreprocessing FindTokenizer(string folder)
    {
        foreach ((TokenizerKind kind, string file) in new[] { (TokenizerKind.BytePairs, "tokenizer.json"), (TokenizerKind.SentencePieces, "tokenizer.bin") })
        {
            if (File.Exists(Path.Combine(folder, file)))
                return new PromptPreprocessing(kind, file);
        }
        throw new ModelException($"{folder}: the folder has no tokenizer.json.");
    }
}
