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
    [TestCase("{ \"kind\": \"bert\" }", "{ \"kind\": \"lstm\", \"sizes\": { \"vocabulary\": 6, \"embedding\": 4, \"hidden\": 0, \"classes\": 3 } }", "every size of an LSTM")]
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

    [TestCase("\"hidden_size\": 8", "\"hidden_size\": 9", "2 attention heads do not divide the hidden size 9")]
    [TestCase("\"hidden_size\": 8,", "", "hidden_size")]
    [TestCase("\"hidden_size\": 8", "\"hidden_size\": -8", "every size")]
    [TestCase("\"hidden_size\": 8", "\"hidden_size\": 1048576", "weights")]
    [TestCase("\"num_hidden_layers\": 1", "\"num_hidden_layers\": 1000000", "layers")]
    [TestCase("\"hidden_size\": 8", "\"hidden_size\": 1e99", "not a valid BERT configuration")]
    [TestCase("\"gelu\"", "\"relu\"", "activation 'relu'")]
    [TestCase("\"absolute\"", "\"relative_key\"", "'relative_key' positions")]
    [TestCase("\"model_type\": \"bert\"", "\"model_type\": \"roberta\"", "'roberta'")]
    [TestCase("\"layer_norm_eps\": 1E-12", "\"layer_norm_eps\": 0", "layer_norm_eps")]
    [TestCase("\"hidden_dropout_prob\": 0.1", "\"hidden_dropout_prob\": 1", "probabilities")]
    public void ConfigurationsThatMakeNoSenseAreRefused(string part, string replacement, string problem)
    {
        using TemporaryFolder folder = Folder();
        string config = File.ReadAllText(folder.File("config.json"));
        Assert.That(config, Does.Contain(part));
        folder.Write("config.json", config.Replace(part, replacement, StringComparison.Ordinal));
        Assert.That(() => ModelPackage.Load(folder.Path), Throws.InstanceOf<ModelException>().With.Message.Contains(problem).And.Message.Contains("config.json"));
    }

    [TestCase(null, true)]
    [TestCase("{ \"do_lower_case\": false }", false)]
    [TestCase("{ \"model_max_length\": 8 }", true)]
    public void APublishedFolderNeedsNoDescription(string? tokenizer, bool isLowerCase)
    {
        using TemporaryFolder folder = Folder();
        File.Delete(folder.File("model.json"));
        (Config with { LabelNames = new Dictionary<string, string> { ["0"] = "bad", ["1"] = "good" } }).Write(folder.File("config.json"));
        if (tokenizer != null)
            folder.Write("tokenizer_config.json", tokenizer);
        using (Bert bert = new(Config))
        using (Tensor places = arange(8, ScalarType.Int64))
            SafeTensors.Save(folder.File("model.safetensors"), bert.state_dict().Append(new("bert.embeddings.position_ids", places)));
        using ModelPackage model = ModelPackage.Load(folder.Path);
        Assert.Multiple(() =>
        {
            Assert.That(model.Description.Classes, Is.EqualTo(new[] { "bad", "good", "2" }));
            Assert.That(model.Description.Preprocessing, Is.EqualTo(new TextPreprocessing(8, LowerCase: isLowerCase)));
            Assert.That(model.Tokenizer!.Pieces, Has.Count.EqualTo(6));
        });
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

    [TestCase("{ \"model_type\": \"gpt2\" }", "model_type 'gpt2' is unknown")]
    [TestCase("{ \"model_type\": \"bert\" }", "vocab_size")]
    [TestCase("{ }", "not a model configuration")]
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
        Assert.That(error, Does.Contain("output 0 is Infinity"));
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
