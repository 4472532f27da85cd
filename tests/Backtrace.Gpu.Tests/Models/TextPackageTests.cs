using System.Text.Json;
using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Cli;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Models;

public sealed class TextPackageTests
{
    private const string Description = """
        {
          "title": "t",
          "classes": ["a", "b", "c"],
          "architecture": { "kind": "bert" },
          "preprocessing": { "kind": "text", "maximumLength": 8 }
        }
        """;

    private const string Vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nword\n";

    private static readonly BertConfig Config = new(6, 8, 1, 2, 16) { MaxPositionEmbeddings = 8, NumLabels = 3 };

    [Test]
    public void AFolderLoadsAndItsDescriptionRoundTrips()
    {
        using TemporaryFolder folder = Folder();
        using ModelPackage model = ModelPackage.Load(folder.Path);
        using TextInput input = model.Tokenizer!.Encode(["Word word"]);
        using Tensor logits = model.Module.call(input.Ids);
        Assert.That(logits.shape, Is.EqualTo(new long[] { 1, 3 }));
        model.Description.Write(folder.File("model.json"));
        using ModelPackage again = ModelPackage.Load(folder.Path);
        Assert.That(((BertArchitecture)again.Description.Architecture).Config, Is.EqualTo(Config));
    }

    [TestCase("\"maximumLength\": 8", "\"maximumLength\": 9", "preprocessing makes up to 9 tokens, the network has places for 8")]
    [TestCase("\"maximumLength\": 8", "\"maximumLength\": 2", "maximumLength 2")]
    [TestCase("\"maximumLength\": 8", "\"maximumLength\": 8, \"vocabulary\": \"../vocab.txt\"", "not the name of a file")]
    [TestCase("\"maximumLength\": 8", "\"maximumLength\": 8, \"vocabulary\": \"words.txt\"", "no such vocabulary")]
    [TestCase("\"kind\": \"bert\"", "\"kind\": \"bert\", \"configFile\": \"sizes.json\"", "no such configuration")]
    [TestCase("\"kind\": \"bert\"", "\"kind\": \"bert\", \"configFile\": \"/config.json\"", "not the name of a file")]
    [TestCase("[\"a\", \"b\", \"c\"]", "[\"a\", \"b\"]", "2 class names for 3 outputs")]
    [TestCase("{ \"kind\": \"text\", \"maximumLength\": 8 }", "{ \"kind\": \"image\", \"width\": 2, \"height\": 4, \"channels\": 1, \"mean\": [0], \"std\": [1] }", "the network takes texts")]
    [TestCase("{ \"kind\": \"bert\" }", "{ \"kind\": \"lstm\", \"sizes\": { \"vocabulary\": 6, \"embedding\": 4, \"hidden\": 0, \"classes\": 3 } }", "hidden 0 is not between 1 and")]
    [TestCase("{ \"kind\": \"bert\" }", "{ \"kind\": \"lstm\", \"sizes\": { \"vocabulary\": 6, \"embedding\": 4, \"hidden\": 1000000, \"classes\": 3 } }", "weights")]
    [TestCase("{ \"kind\": \"bert\" }", "{ \"kind\": \"lstm\", \"sizes\": { \"vocabulary\": 6, \"embedding\": 4, \"classes\": 3 } }", "hidden")]
    [TestCase("{ \"kind\": \"bert\" }", "{ \"kind\": \"mlp\", \"sizes\": [8, 3], \"layers\": [\"fc1\"] }", "takes numbers, not texts")]
    [TestCase("{ \"kind\": \"bert\" }", "{ \"kind\": \"cifar-resnet\", \"depth\": 20, \"classes\": 3 }", "takes pictures")]
    public void DescriptionsThatMakeNoSenseAreRefused(string part, string replacement, string problem)
    {
        using TemporaryFolder folder = Folder();
        folder.Write("model.json", Description.Replace(part, replacement, StringComparison.Ordinal));
        Assert.That(() => ModelPackage.Load(folder.Path), Throws.InstanceOf<ModelException>().With.Message.Contains(problem).And.Message.Contains(folder.Path));
    }

    [TestCase("\"hidden_size\": 8", "\"hidden_size\": 9", "num_attention_heads 2 does not divide hidden_size 9")]
    [TestCase("\"hidden_size\": 8,", "", "hidden_size")]
    [TestCase("\"hidden_size\": 8", "\"hidden_size\": -8", "hidden_size -8 is not between")]
    [TestCase("\"hidden_size\": 8", "\"hidden_size\": 1048576", "weights")]
    [TestCase("\"num_hidden_layers\": 1", "\"num_hidden_layers\": 1000000", "layers")]
    [TestCase("\"hidden_size\": 8", "\"hidden_size\": 1e99", "hidden_size is 1e99; a whole number is needed")]
    [TestCase("\"gelu\"", "\"mish\"", "hidden_act 'mish'")]
    [TestCase("\"gelu\"", "null", "hidden_act is null; a text is needed")]
    [TestCase("\"hidden_size\": 8", "\"hidden_size\": \"8\"", "hidden_size is \"8\"; a whole number is needed")]
    [TestCase("{", "{ \"is_decoder\": true,", "is_decoder is true; only false is supported")]
    [TestCase("{", "{ \"add_cross_attention\": true,", "add_cross_attention is true")]
    [TestCase("{", "{ \"pruned_heads\": { \"0\": [1] },", "pruned_heads is { \"0\": [1] }; only {} is supported")]
    [TestCase("{", "{ \"quantization_config\": { \"quant_method\": \"gptq\" },", "quantization_config is { \"quant_method\": \"gptq\" }; this is not supported")]
    [TestCase("{", "{ \"architectures\": [\"BertForTokenClassification\"],", "architectures is [\"BertForTokenClassification\"]; only BertForSequenceClassification is supported")]
    [TestCase("{", "{ \"problem_type\": \"ranking\",", "problem_type is \"ranking\"; only single_label_classification, multi_label")]
    [TestCase("\"num_labels\": 3", "\"num_labels\": 3, \"id2label\": { \"0\": \"a\", \"1\": \"b\" }", "num_labels is 3, and id2label has 2 names")]
    [TestCase("\"num_labels\": 3", "\"id2label\": { \"1\": \"a\", \"2\": \"b\", \"3\": \"c\" }", "id2label has 3 names and none for class 0")]
    [TestCase("\"num_labels\": 3", "\"id2label\": { \"0\": 7 }", "id2label.0 is 7")]
    [TestCase("\"absolute\"", "\"relative_key\"", "position_embedding_type 'relative_key' is not supported")]
    [TestCase("\"model_type\": \"bert\"", "\"model_type\": \"roberta\"", "'roberta'")]
    [TestCase("\"layer_norm_eps\": 1E-12", "\"layer_norm_eps\": 0", "layer_norm_eps")]
    [TestCase("\"hidden_dropout_prob\": 0.1", "\"hidden_dropout_prob\": 1", "hidden_dropout_prob 1")]
    public void ConfigurationsThatMakeNoSenseAreRefused(string part, string replacement, string problem)
    {
        using TemporaryFolder folder = Folder();
        string config = File.ReadAllText(folder.File("config.json"));
        Assert.That(config, Does.Contain(part));
        folder.Write("config.json", config.Replace(part, replacement, StringComparison.Ordinal));
        Assert.That(() => ModelPackage.Load(folder.Path), Throws.InstanceOf<ModelException>().With.Message.Contains(problem).And.Message.Contains("config.json"));
    }

    [TestCase("{ \"unk_token\": \"[UNK]\", \"cls_token\": { \"content\": \"[CLS]\", \"lstrip\": false } }", null, null)]
    [TestCase("{ \"cls_token\": \"[SEP]\" }", null, "cls_token is \"[SEP]\"; only [CLS] is supported")]
    [TestCase("{ \"additional_special_tokens\": [\"<new>\"] }", null, "additional_special_tokens is [\"<new>\"]; this is none")]
    [TestCase("{ \"additional_special_tokens\": [\"<new>\"] }", "{ \"do_lower_case\": true }", "additional_special_tokens is [\"<new>\"]; this is none")]
    [TestCase("{ \"additional_special_tokens\": [\"<new>\"] }", "{ \"added_tokens_decoder\": {} }", null)]
    public void TheOlderFileOfSpecialTokensCountsWhereTheNewerOneListsNone(string map, string? config, string? problem)
    {
        using TemporaryFolder folder = Folder();
        File.Delete(folder.File("model.json"));
        (Config with { LabelNames = new Dictionary<string, string> { ["0"] = "bad", ["1"] = "good", ["2"] = "fair" } }).Write(folder.File("config.json"));
        using (Bert bert = new(Config))
            SafeTensors.Save(folder.File("model.safetensors"), bert.state_dict());
        folder.Write("special_tokens_map.json", map);
        if (config is not null)
            folder.Write("tokenizer_config.json", config);
        Assert.That(() => ModelPackage.Load(folder.Path).Dispose(), problem is null ? Throws.Nothing : Throws.InstanceOf<ModelException>().With.Message.Contains("special_tokens_map.json: " + problem));
    }

    [TestCase(null, true)]
    [TestCase("{ \"do_lower_case\": false }", false)]
    [TestCase("{ \"model_max_length\": 8 }", true)]
    public void APublishedFolderNeedsNoDescription(string? tokenizer, bool isLowerCase)
    {
        using TemporaryFolder folder = Folder();
        File.Delete(folder.File("model.json"));
        (Config with { LabelNames = new Dictionary<string, string> { ["0"] = "bad", ["1"] = "good", ["2"] = "fair" } }).Write(folder.File("config.json"));
        if (tokenizer != null)
            folder.Write("tokenizer_config.json", tokenizer);
        using (Bert bert = new(Config))
        using (Tensor places = arange(8, ScalarType.Int64))
            SafeTensors.Save(folder.File("model.safetensors"), bert.state_dict().Append(new("bert.embeddings.position_ids", places)));
        using ModelPackage model = ModelPackage.Load(folder.Path);
        Assert.Multiple(() =>
        {
            Assert.That(model.Description.Classes, Is.EqualTo(new[] { "bad", "good", "fair" }));
            Assert.That(model.Description.Preprocessing, Is.EqualTo(new TextPreprocessing(8, LowerCase: isLowerCase)));
            Assert.That(model.Tokenizer!.Pieces, Has.Count.EqualTo(6));
        });
    }

    [TestCase("{ \"tokenize_chinese_chars\": false }", "tokenize_chinese_chars is false; only true is supported")]
    [TestCase("{ \"do_basic_tokenize\": false }", "do_basic_tokenize is false")]
    [TestCase("{ \"do_lower_case\": 1 }", "do_lower_case is 1; true or false is needed")]
    [TestCase("{ \"never_split\": [\"word\"] }", "never_split is [\"word\"]; this is not supported")]
    [TestCase("{ \"split_special_tokens\": true }", "split_special_tokens")]
    [TestCase("{ \"tokenizer_class\": \"BertJapaneseTokenizer\" }", "tokenizer_class is \"BertJapaneseTokenizer\"")]
    [TestCase("{ \"unk_token\": \"<unk>\" }", "unk_token is \"<unk>\"; only [UNK] is supported")]
    [TestCase("{ \"mask_token\": { \"content\": \"<m>\" } }", "mask_token")]
    [TestCase("{ \"additional_special_tokens\": [\"<new>\"] }", "additional_special_tokens is [\"<new>\"]")]
    [TestCase("{ \"added_tokens_decoder\": { \"5\": { \"content\": \"word\", \"special\": true } } }", "added_tokens_decoder.5 is { \"content\": \"word\"")]
    [TestCase("{ \"added_tokens_decoder\": { \"4\": { \"content\": \"[MASK]\", \"special\": true, \"lstrip\": true } } }", "added_tokens_decoder.4")]
    public void WhatMakesOtherTokensIsRefused(string tokenizer, string problem)
    {
        using TemporaryFolder folder = Folder();
        File.Delete(folder.File("model.json"));
        folder.Write("tokenizer_config.json", tokenizer);
        Assert.That(() => ModelPackage.Load(folder.Path), Throws.InstanceOf<ModelException>().With.Message.Contains("tokenizer_config.json: " + problem));
    }

    [Test]
    public void WhatSaysTheUsualIsTaken()
    {
        using TemporaryFolder folder = Folder();
        File.Delete(folder.File("model.json"));
        folder.Write("tokenizer_config.json", """
            { "do_lower_case": true, "strip_accents": null, "tokenize_chinese_chars": true, "never_split": null, "tokenizer_class": "BertTokenizer", "model_max_length": 512,
              "unk_token": "[UNK]", "mask_token": { "content": "[MASK]" }, "additional_special_tokens": [],
              "added_tokens_decoder": { "0": { "content": "[PAD]", "lstrip": false, "normalized": false, "rstrip": false, "single_word": false, "special": true } } }
            """);
        folder.Write("added_tokens.json", "{ \"[MASK]\": 4 }");
        using (ModelPackage model = ModelPackage.Load(folder.Path))
            Assert.That(model.Description.Preprocessing, Is.EqualTo(new TextPreprocessing(8)));
        folder.Write("added_tokens.json", "{ \"<new>\": 6 }");
        Assert.That(() => ModelPackage.Load(folder.Path), Throws.InstanceOf<ModelException>().With.Message.Contains("added_tokens.json: <new> is 6"));
    }

    // As transformers writes it; alone it stands for vocab.txt too.
    [TestCase("", null)]
    [TestCase("\"WordPiece\"|\"BPE\"", "model.type is \"BPE\"")]
    [TestCase("\"##\"|\"@@\"", "model.continuing_subword_prefix is \"@@\"")]
    [TestCase("\"handle_chinese_chars\": true|\"handle_chinese_chars\": false", "normalizer.handle_chinese_chars is false; only true is supported")]
    [TestCase("\"BertPreTokenizer\"|\"Whitespace\"", "pre_tokenizer is")]
    [TestCase("{ \"Sequence\": { \"id\": \"A\", \"type_id\": 0 } }, |", "post_processor is")]
    [TestCase("\"A\", \"type_id\": 0|\"A\", \"type_id\": 1", "post_processor is")]
    [TestCase("\"single\": |\"cls\": [\"[SEP]\", 3], \"sep\": [\"[SEP]\", 3], \"single\": ", "post_processor is")]
    [TestCase("\"lstrip\": false|\"lstrip\": true", "added_tokens: the added token '[MASK]' is not supported")]
    [TestCase("\"word\": 5|\"word\": 6", "model.vocab is not an object")]
    [TestCase("\"word\": 5|\"world\": 5", "model.vocab differs from vocab.txt")]
    [TestCase("\"lowercase\": true|\"lowercase\": false", "normalizer is")]
    public void ATokenizerJsonOfBertIsReadOrRefused(string change, string? problem)
    {
        using TemporaryFolder folder = Folder();
        File.Delete(folder.File("model.json"));
        string tokenizer = """
            { "truncation": { "max_length": 2 }, "added_tokens": [{ "id": 4, "content": "[MASK]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true }],
              "normalizer": { "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true },
              "pre_tokenizer": { "type": "BertPreTokenizer" },
              "post_processor": { "type": "TemplateProcessing", "single": [{ "SpecialToken": { "id": "[CLS]", "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } }, { "SpecialToken": { "id": "[SEP]", "type_id": 0 } }] },
              "model": { "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                         "vocab": { "[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "word": 5 } } }
            """;
        folder.Write("tokenizer_config.json", "{ \"do_lower_case\": true }");
        if (problem is not null)
        {
            string[] parts = change.Split('|');
            folder.Write("tokenizer.json", tokenizer.Replace(parts[0], parts[1], StringComparison.Ordinal));
            Assert.That(() => ModelPackage.Load(folder.Path), Throws.InstanceOf<ModelException>().With.Message.Contains("tokenizer.json: " + problem));
            return;
        }

        folder.Write("tokenizer.json", tokenizer);
        ModelPackage.Load(folder.Path).Dispose();
        File.Delete(folder.File("vocab.txt"));
        using ModelPackage alone = ModelPackage.Load(folder.Path);
        Assert.That(alone.Tokenizer!.Tokenize("Word").Ids, Is.EqualTo(new long[] { 2, 5, 3 }));
    }

    [TestCase("{ \"strip_accents\": false }", true)]
    [TestCase("{ \"strip_accents\": null }", false)]
    [TestCase("{ \"do_lower_case\": false, \"strip_accents\": false }", false)]
    public void APublishedFolderSaysWhetherAccentsMatter(string tokenizer, bool isKept)
    {
        using TemporaryFolder folder = Folder();
        File.Delete(folder.File("model.json"));
        folder.Write("tokenizer_config.json", tokenizer);
        using (ModelPackage model = ModelPackage.Load(folder.Path))
            Assert.That(((TextPreprocessing)model.Description.Preprocessing).KeepAccents, Is.EqualTo(isKept));
        folder.Write("tokenizer_config.json", "{ \"do_lower_case\": false, \"strip_accents\": true }");
        Assert.That(() => ModelPackage.Load(folder.Path), Throws.InstanceOf<ModelException>().With.Message.Contains("strip_accents"));
    }

    [TestCase("{ \"model_type\": \"gpt2\" }", "model_type is \"gpt2\"; bert, distilbert, llama and roberta are supported")]
    [TestCase("{ \"model_type\": \"bert\" }", "vocab_size")]
    [TestCase("{ }", "model_type is not there")]
    [TestCase("[]", "it is no JSON object")]
    public void UnknownPublishedFoldersAreRefused(string config, string problem)
    {
        using TemporaryFolder folder = Folder();
        File.Delete(folder.File("model.json"));
        folder.Write("config.json", config);
        Assert.That(() => ModelPackage.Load(folder.Path), Throws.InstanceOf<ModelException>().With.Message.Contains(problem).And.Message.Contains("config.json"));
    }

    [Test]
    public void AVocabularyLargerThanTheNetworkIsRefused()
    {
        using TemporaryFolder folder = Folder();
        folder.Write("vocab.txt", Vocabulary + "more\n");
        Assert.That(() => ModelPackage.Load(folder.Path), Throws.InstanceOf<VocabularyException>().With.Message.Contains("has 7 tokens, the network knows 6"));
    }

    // Words whose lines are missing would be read as unknown ones.
    [Test]
    public void AVocabularyThatWasCutShortIsRefused()
    {
        using TemporaryFolder folder = new();
        foreach (string file in Directory.GetFiles(Assets.Path("models", "lstm-sst2")))
            File.Copy(file, folder.File(Path.GetFileName(file)));
        folder.Write("vocab.txt", string.Join('\n', File.ReadLines(folder.File("vocab.txt")).Take(1200)));
        Assert.That(() => ModelPackage.Load(folder.Path), Throws.InstanceOf<VocabularyException>().With.Message.Contains("has 1,200 tokens, the network knows 2597"));
    }

    [TestCase(null, false)]
    [TestCase("single_label_classification", false)]
    [TestCase("multi_label_classification", true)]
    public async Task ClassesThatMayHoldAtOnceHaveProbabilitiesOfTheirOwn(string? type, bool isMultiLabel)
    {
        using TemporaryFolder folder = Folder();
        (Config with { ProblemType = type }).Write(folder.File("config.json"));
        (int code, string output, string error) = await Command.Run("explain", "-m", folder.Path, "--text", "word", "-o", folder.File("out"), "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        using JsonDocument json = JsonDocument.Parse(output);
        JsonElement e = json.RootElement.GetProperty("explanations")[0];
        double[] powers = [.. e.GetProperty("outputs").EnumerateArray().Select(logit => Math.Exp(logit.GetDouble()))];
        Assert.That(e.GetProperty("probabilities").EnumerateArray().Select(p => p.GetDouble()), Is.EqualTo(powers.Select(power => power / (isMultiLabel ? 1 + power : powers.Sum()))).Within(1e-7));
    }

    [TestCase("regression", 2)]
    [TestCase("regression", 1)]
    [TestCase(null, 1)]
    public async Task ValuesAreShownAsTheyAre(string? type, int labels)
    {
        using TemporaryFolder folder = Folder();
        BertConfig config = Config with { ProblemType = type, NumLabels = labels };
        folder.Write("model.json", Description.Replace("[\"a\", \"b\", \"c\"]", labels == 1 ? "[\"stars\"]" : "[\"stars\", \"age\"]", StringComparison.Ordinal));
        config.Write(folder.File("config.json"));
        using (Bert bert = new(config))
            StateDict.Save(bert, folder.File("model.safetensors"));
        (int code, string text, string error) = await Command.Run("explain", "-m", folder.Path, "--text", "word", "-o", folder.File("out"), "--target", "stars");
        (_, string output, _) = await Command.Run("explain", "-m", folder.Path, "--text", "word", "-o", folder.File("out"), "--json");
        (int refused, _, string reason) = await Command.Run("explain", "-m", folder.Path, "--text", "word", "-o", folder.File("out"), "--mode", "contrastive");
        using JsonDocument json = JsonDocument.Parse(output);
        JsonElement e = json.RootElement.GetProperty("explanations")[0];
        Assert.Multiple(() =>
        {
            Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
            Assert.That(text, Does.Match(@"stars = \u2212?[0-9.]+"));
            Assert.That(e.GetProperty("probabilities").ValueKind, Is.EqualTo(JsonValueKind.Null));
            Assert.That(e.GetProperty("outputs").GetArrayLength(), Is.EqualTo(labels));
            Assert.That(refused, Is.EqualTo(ExitCodes.Usage));
            Assert.That(reason, Does.Contain("values, which have none"));
        });
    }

    [Test]
    public async Task AnAnswerThatOverflowsIsNotExplained()
    {
        using TemporaryFolder folder = Folder();
        using (Bert bert = new(Config))
        using (no_grad())
        {
            bert.state_dict()["classifier.weight"].fill_(3e38f);
            bert.state_dict()["bert.pooler.dense.weight"].zero_();
            bert.state_dict()["bert.pooler.dense.bias"].fill_(9);
            StateDict.Save(bert, folder.File("model.safetensors"));
        }
        (int code, _, string error) = await Command.Run("explain", "-m", folder.Path, "--text", "word", "-o", folder.File("out"));
        Assert.That((code, error), Is.EqualTo((ExitCodes.Model, error)));
        Assert.That(error, Does.Contain("classifier (Linear), whose inputs are finite"));
    }

    private static TemporaryFolder Folder()
    {
        TemporaryFolder folder = new();
        folder.Write("model.json", Description);
        folder.Write("vocab.txt", Vocabulary);
        Config.Write(folder.File("config.json"));
        using Bert bert = new(Config);
        StateDict.Save(bert, folder.File("model.safetensors"));
        return folder;
    }
}
