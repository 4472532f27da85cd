using System.Text.Json;

namespace Backtrace.Gpu.Models;

/// <summary>Model folders as Hugging Face publishes them, which say nothing about preprocessing: it follows from the files that are there.</summary>
internal static class HuggingFaceFolder
{
    /// <summary>Name of the configuration that every such folder has.</summary>
    internal const string ConfigFile = "config.json";

    /// <summary>Name of the file that says whether a BERT's tokens are lower-case and without accents; without it, the vocabulary does.</summary>
    private const string TokenizerConfigFile = "tokenizer_config.json";

    /// <summary>Describes a model by its config.json and its tokenizer.</summary>
    /// <exception cref="ModelException">The configuration is damaged, of another kind of model, or there is no tokenizer.</exception>
    internal static ModelDescription Describe(string folder)
    {
        string title = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        string config = Path.Combine(folder, ConfigFile), type = Read(config, root => root.GetProperty("model_type").GetString() ?? "");
        return type switch
        {
            "llama" => new ModelDescription(title, new LlamaArchitecture().Complete(folder), FindTokenizer(folder), []),
            "bert" => DescribeBert(title, folder),
            "distilbert" => DescribeDistilBert(title, folder),
            "roberta" => DescribeRoberta(title, folder),
            _ => throw new ModelException($"{config}: model_type '{type}' is unknown; bert, distilbert, llama and roberta are known."),
        };
    }

    private static ModelDescription DescribeBert(string title, string folder)
    {
        BertConfig sizes = BertConfig.Read(Path.Combine(folder, ConfigFile));
        return DescribeTexts(title, folder, new BertArchitecture { Config = sizes }, sizes.MaxPositionEmbeddings, sizes.Classes, sizes.LabelNames);
    }

    private static ModelDescription DescribeDistilBert(string title, string folder)
    {
        DistilBertConfig sizes = DistilBertConfig.Read(Path.Combine(folder, ConfigFile));
        return DescribeTexts(title, folder, new DistilBertArchitecture { Config = sizes }, sizes.MaxPositionEmbeddings, sizes.Classes, sizes.LabelNames);
    }

    private static ModelDescription DescribeRoberta(string title, string folder)
    {
        BertConfig sizes = BertConfig.Read(Path.Combine(folder, ConfigFile), "roberta");
        return new ModelDescription(title, new RobertaArchitecture { Config = sizes }, FindTokenizer(folder), Labels(sizes.Classes, sizes.LabelNames));
    }

    private static ModelDescription DescribeTexts(string title, string folder, Architecture architecture, int places, int classes, IReadOnlyDictionary<string, string>? names)
    {
        string tokenizer = Path.Combine(folder, TokenizerConfigFile);
        TextPreprocessing texts = new(places);
        bool isDescribed = File.Exists(tokenizer);
        bool isLowerCase = isDescribed
            ? Read(tokenizer, root => Flag(root, "do_lower_case") ?? true)
            : Vocabulary.IsLowerCase(Vocabulary.Read(Path.Combine(folder, texts.Vocabulary)));
        // Left open, accents go the way of upper case.
        bool stripsAccents = (isDescribed ? Read(tokenizer, root => Flag(root, "strip_accents")) : null) ?? isLowerCase;
        if (stripsAccents && !isLowerCase)
            throw new ModelException($"{tokenizer}: strip_accents without do_lower_case is not supported.");
        return new ModelDescription(title, architecture, texts with { LowerCase = isLowerCase, KeepAccents = isLowerCase && !stripsAccents }, Labels(classes, names));
    }

    private static IReadOnlyList<string> Labels(int classes, IReadOnlyDictionary<string, string>? names) =>
        [.. Enumerable.Range(0, classes).Select(i => $"{i}").Select(number => names?.GetValueOrDefault(number) ?? number)];

    private static bool? Flag(JsonElement root, string name) =>
        root.TryGetProperty(name, out JsonElement answer) && answer.ValueKind != JsonValueKind.Null ? answer.GetBoolean() : null;

    private static T Read<T>(string path, Func<JsonElement, T> read)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(path));
            return read(json.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new ModelException($"{path}: not a model configuration: {e.Message}", e);
        }
    }

    private static PromptPreprocessing FindTokenizer(string folder)
    {
        foreach ((TokenizerKind kind, string file) in new[] { (TokenizerKind.BytePairs, "tokenizer.json"), (TokenizerKind.SentencePieces, "tokenizer.bin") })
        {
            if (File.Exists(Path.Combine(folder, file)))
                return new PromptPreprocessing(kind, file);
        }
        // Older folders have vocab.json and merges.txt only.
        throw new ModelException($"{folder}: the folder has no tokenizer.json; write it with Hugging Face's AutoTokenizer, from_pretrained and then save_pretrained.");
    }
}
