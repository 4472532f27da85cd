using System.Text.Json;

namespace Backtrace.Gpu.Models;

/// <summary>How the texts of a published folder become tokens: its tokenizer.json or vocab.txt, and what tokenizer_config.json says of them.</summary>
internal static class PublishedTokenizer
{
    /// <summary>Name of the tokenizer as a whole.</summary>
    internal const string JsonFile = "tokenizer.json";

    /// <summary>Name of the file with further settings.</summary>
    internal const string ConfigFile = "tokenizer_config.json";

    private static readonly string[] WordPieceClasses =
        ["BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer", "DistilBertTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend"];

    /// <summary>The preprocessing of a network that reads WordPieces.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="places">Most tokens of one text.</param>
    /// <exception cref="ModelException">A file is damaged, contradicts another one, or asks for what is not supported.</exception>
    internal static TextPreprocessing Texts(string folder, int places)
    {
        PublishedFile? config = PublishedFile.Find(Path.Combine(folder, ConfigFile));
        WordPieceJson? json = WordPieceJson.Find(Path.Combine(folder, JsonFile));
        TextPreprocessing texts = new(places);
        if (json is not null && !File.Exists(Path.Combine(folder, texts.Vocabulary)))
            texts = texts with { Vocabulary = JsonFile };
        string[] pieces = Vocabulary.Read(Path.Combine(folder, texts.Vocabulary));
        json?.Check(pieces);
        if (config is not null)
            Check(config);
        foreach (PublishedFile names in new[] { config, AddedToken.FindMap(folder, config) }.OfType<PublishedFile>())
            CheckRoles(names);
        AddedToken.Check(folder, config, Vocabulary.SpecialTokens(pieces));
        if (PublishedFile.Find(Path.Combine(folder, "added_tokens.json")) is { } more && more.Keys.FirstOrDefault(key => !Vocabulary.Special.Contains(key)) is { } added)
            throw more.Refusal(added, "tokens beyond the vocabulary are not supported");

        // What the configuration leaves open has a default, and accents go the way of upper case.
        bool isLowerCase = config is not null ? config.Flag("do_lower_case") ?? true : json?.IsLowerCase ?? Vocabulary.IsLowerCase(pieces);
        bool stripsAccents = (config is not null ? config.Flag("strip_accents") : json?.StripsAccents) ?? isLowerCase;
        if (stripsAccents && !isLowerCase)
            throw (config ?? json!.File).Refusal(config is null ? "normalizer" : "strip_accents", "to strip accents and keep upper case is not supported");
        if (config is not null && json is not null && (isLowerCase != json.IsLowerCase || stripsAccents != (json.StripsAccents)))
            throw json.File.Refusal("normalizer", $"{ConfigFile} has do_lower_case {isLowerCase} and strip_accents {stripsAccents}");
        return texts with { LowerCase = isLowerCase, KeepAccents = isLowerCase && !stripsAccents };
    }

    /// <summary>The preprocessing of a network that reads byte pairs or the pieces of llama2.c.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="ModelException">There is no tokenizer.</exception>
    internal static PromptPreprocessing Prompts(string folder)
    {
        foreach ((TokenizerKind kind, string file) in new[] { (TokenizerKind.BytePairs, JsonFile), (TokenizerKind.SentencePieces, "tokenizer.bin") })
        {
            if (File.Exists(Path.Combine(folder, file)))
                return new PromptPreprocessing(kind, file);
        }
        // Older folders have vocab.json and merges.txt only.
        throw new ModelException($"{folder}: the folder has no tokenizer.json; write it with Hugging Face's AutoTokenizer, from_pretrained and then save_pretrained.");
    }

    private static void Check(PublishedFile config)
    {
        foreach (string key in new[] { "tokenize_chinese_chars", "do_basic_tokenize" })
            config.Only(key, "true");
        config.Only("split_special_tokens", "false");
        config.Only("never_split");
        config.Only("auto_map");
        if (config.Text("tokenizer_class") is { } name && !WordPieceClasses.Contains(name))
            throw config.Refusal("tokenizer_class", "only WordPieces of BertTokenizer are supported");
    }

    private static void CheckRoles(PublishedFile config)
    {
        foreach ((string key, string token) in new[] { ("pad_token", Vocabulary.Padding), ("unk_token", Vocabulary.Unknown), ("cls_token", Vocabulary.First), ("sep_token", Vocabulary.Last), ("mask_token", Vocabulary.Mask) })
        {
            if (config[key] is { } given && (given.ValueKind == JsonValueKind.Object ? config[key + ".content"] : given)?.ToString() != token)
                throw config.Refusal(key, $"only {token} is supported");
        }
    }
}
