using System.Text.Json;

namespace Backtrace.Gpu.Models;

/// <summary>A tokenizer.json of Hugging Face that cuts texts as BERT does.</summary>
internal sealed class WordPieceJson
{
    private WordPieceJson(string path)
    {
        File = new PublishedFile(path);
        if (File.Text("model.type") is not "WordPiece")
            throw File.Refusal("model.type", "only WordPiece is supported for this network");
        File.Only("model.unk_token", $"\"{Vocabulary.Unknown}\"");
        File.Only("model.continuing_subword_prefix", "\"##\"");
        File.Only("model.max_input_chars_per_word", "100");
        if (File.Text("normalizer.type") is not "BertNormalizer")
            throw File.Refusal("normalizer", "only BertNormalizer is supported");
        File.Only("normalizer.clean_text", "true");
        File.Only("normalizer.handle_chinese_chars", "true");
        if (File.Text("pre_tokenizer.type") is not "BertPreTokenizer")
            throw File.Refusal("pre_tokenizer", "only BertPreTokenizer is supported");
        if (Template() != $"{Vocabulary.First} A {Vocabulary.Last}")
            throw File.Refusal("post_processor", $"only {Vocabulary.First}, the text, {Vocabulary.Last} is supported");
        IsLowerCase = File.Flag("normalizer.lowercase") ?? true;
        StripsAccents = File.Flag("normalizer.strip_accents") ?? IsLowerCase;
    }

    internal PublishedFile File { get; }

    internal bool IsLowerCase { get; }

    internal bool StripsAccents { get; }

    /// <summary>The file, or null where there is none.</summary>
    /// <exception cref="ModelException">It cuts texts in another way.</exception>
    internal static WordPieceJson? Find(string path) => System.IO.File.Exists(path) ? new WordPieceJson(path) : null;

    /// <summary>Refuses a file whose tokens are not these, or that finds others in texts.</summary>
    internal void Check(string[] pieces)
    {
        if (!Vocabulary.Read(File.Path).SequenceEqual(pieces))
            throw new ModelException($"{File.Path}: model.vocab differs from {Vocabulary.LinesFile}.");
        if (File["added_tokens"] is not { } tokens)
            return;
        try
        {
            foreach (AddedToken token in tokens.EnumerateArray().Select(AddedToken.Read))
            {
                if (!Vocabulary.SpecialTokens(pieces).Contains(token))
                    throw new FormatException($"the added token '{token.Content}' is not supported; only {string.Join(", ", Vocabulary.Special)} are.");
            }
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException or KeyNotFoundException)
        {
            throw new ModelException($"{File.Path}: added_tokens: {e.Message}", e);
        }
    }

    // The parts of one text, each with its token type unless that is 0.
    private string? Template()
    {
        if (File["post_processor.cls"] is { ValueKind: JsonValueKind.Array } first && File["post_processor.sep"] is { ValueKind: JsonValueKind.Array } last)
            return $"{first.EnumerateArray().FirstOrDefault()} A {last.EnumerateArray().FirstOrDefault()}";
        if (File["post_processor.single"] is not { ValueKind: JsonValueKind.Array } parts)
            return null;
        return string.Join(' ', parts.EnumerateArray().Where(part => part.ValueKind == JsonValueKind.Object).SelectMany(part => part.EnumerateObject()).Select(part =>
            Entry(part.Value, "id") + (Entry(part.Value, "type_id") is { } type and not "0" ? $":{type}" : "")));

        static string? Entry(JsonElement part, string name) => part.ValueKind == JsonValueKind.Object && part.TryGetProperty(name, out JsonElement value) ? value.ToString() : null;
    }
}
