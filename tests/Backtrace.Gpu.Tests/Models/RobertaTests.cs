using System.Text.Json;
using System.Text.Json.Nodes;
using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Cli;
using Backtrace.Gpu.Tests.Engine;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Models;

public sealed class RobertaTests
{
    private static readonly BertConfig Small = new(10, 8, 2, 2, 12)
    {
        ModelType = "roberta",
        MaxPositionEmbeddings = 7,
        PadTokenId = 1,
        TypeVocabSize = 1,
        LayerNormEps = 1e-5,
        NumLabels = 3,
    };

    // Places count from 2; padding, token 1, has place 1.
    [TestCase(new long[] { 0, 7, 5, 2 }, new long[] { 2, 3, 4, 5 }, 4)]
    [TestCase(new long[] { 0, 7, 2, 1 }, new long[] { 2, 3, 4, 1 }, 3)]
    public void LogitsEqualAReferenceInLoops(long[] ids, long[] positions, int tokens)
    {
        using var scope = NewDisposeScope();
        using IDisposable inference = no_grad();
        using Roberta network = new(Small);
        network.eval();
        Tensor mask = arange(4).lt(tokens).to_type(ScalarType.Int64).view(1, 4);
        float[] expected = Expected(network, ids, positions, tokens), wrong = Expected(network, ids, [0, 1, 2, 3], tokens);
        float[] actual = network.forward(tensor(ids, [1, 4]), mask, null).data<float>().ToArray();
        Assert.That(Deviation.Of(actual, expected), Is.LessThan(1e-5));
        Assert.That(Deviation.Of(wrong, expected), Is.GreaterThan(1e-3), "places matter");
    }

    [Test]
    public void PlacesCountFromTheUsualPaddingWhereNoOtherIsNamed()
    {
        using TemporaryFolder folder = new();
        (Small with { PadTokenId = null }).Write(folder.File("config.json"));
        BertConfig config = BertConfig.Read(folder.File("config.json"), "roberta");
        using Roberta network = new(config);
        Assert.That((config.Padding, network.MaximumLength), Is.EqualTo((1, 5)));
        Assert.That((Small with { ModelType = "bert", PadTokenId = null }).Padding, Is.Zero);
    }

    [Test]
    public void ParametersHaveTheNamesOfHuggingFace()
    {
        using Roberta network = new(Small);
        Assert.That(network.state_dict().Keys, Is.SupersetOf(new[]
        {
            "roberta.embeddings.word_embeddings.weight", "roberta.embeddings.token_type_embeddings.weight", "roberta.encoder.layer.1.attention.self.query.weight",
            "roberta.encoder.layer.0.output.LayerNorm.bias", "classifier.dense.weight", "classifier.out_proj.bias",
        }));
        Assert.That(network.state_dict(), Has.Count.EqualTo(5 + 2 * 16 + 4));
    }

    [Test]
    public void AConfigurationIsReadAndTheNetworkExplained()
    {
        using var scope = NewDisposeScope();
        using TemporaryFolder folder = new();
        folder.Write("config.json", """
            { "model_type": "roberta", "hidden_size": 8, "intermediate_size": 12, "num_attention_heads": 2, "num_hidden_layers": 2, "vocab_size": 10, "hidden_act": "gelu",
              "max_position_embeddings": 7, "pad_token_id": 1, "bos_token_id": 0, "type_vocab_size": 1, "layer_norm_eps": 1e-05, "hidden_dropout_prob": 0.1 }
            """);
        using Roberta network = new(BertConfig.Read(folder.File("config.json"), "roberta"));
        network.eval();
        using Explanation explanation = Explaining.Explain(network, tensor(new long[] { 0, 7, 5, 2 }, [1, 4]), Target.Argmax());
        Explaining.AssertConserved(explanation);
        Assert.That(explanation.Input.shape, Is.EqualTo(new long[] { 1, 4 }));
    }

    [Test]
    public async Task APublishedFolderIsExplainedOnTheCommandLine()
    {
        using TemporaryFolder folder = Published();
        (int code, string output, string error) = await Command.Run("explain", "-m", folder.Path, "--text", "the thing", "--target", "good", "-o", folder.File("out"), "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        using JsonDocument json = JsonDocument.Parse(output);
        JsonElement e = json.RootElement.GetProperty("explanations").EnumerateArray().Single();
        JsonElement[] tokens = [.. e.GetProperty("tokens").EnumerateArray()];
        Assert.That(tokens.Select(token => token.GetProperty("text").GetString()), Is.EqualTo(new[] { "<s>", "the", "\u2423", "th", "ing", "</s>" }));
        Assert.That(tokens.Sum(token => token.GetProperty("relevance").GetDouble()), Is.EqualTo(e.GetProperty("ledger").GetProperty("input").GetDouble()).Within(1e-5));
        Assert.That(e.GetProperty("target").GetProperty("class").GetString(), Is.EqualTo("good"));

        (code, _, error) = await Command.Run("explain", "-m", folder.Path, "--text", "abcdefghi", "-o", folder.File("out"));
        Assert.That((code, error), Is.EqualTo((ExitCodes.Input, error)));
        Assert.That(error, Does.Contain("more than the 10 tokens"));
        (code, _, error) = await Command.Run("explain", "-m", folder.Path, "--text", "the", "--generate", "2", "-o", folder.File("out"));
        Assert.That(error, Does.Contain("--generate is for language models"));
    }

    [Test]
    public async Task APublishedFolderIsEvaluated()
    {
        using TemporaryFolder folder = Published();
        string data = folder.Write("data.tsv", "the thing\t1\nin the thing\t0\nthe in thing in\t1\nabcdefghijklm\t0\n");
        string[] few = ["--quick", "--methods", "backtrace,attn-lrp,attention-rollout,integrated-gradients,lime"];
        (int code, string output, string error) = await Command.Run(["evaluate", "text", "-m", folder.Path, "--data", data, "-o", folder.File("out"), .. few]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.Multiple(() =>
        {
            Assert.That(output, Does.Contain("3 sentences").And.Contain("the token <mask>"), "the fourth is too long");
            Assert.That(output, Does.Contain("| Backtrace (default) |").And.Contain("| AttnLRP |").And.Contain("| Attention rollout |").And.Not.Contain("Left out"));
            Assert.That(File.ReadAllText(folder.File("out/index.html")), Does.Contain("judged "));
        });
    }

    [Test]
    public async Task TrainingStartsFromAPublishedFolder()
    {
        using TemporaryFolder folder = Published();
        string data = folder.Write("data.tsv", "the thing\t1\nin the thing\t0\nthe in thing in\t1\nabcdefghijklm\t0\n"), trained = folder.File("trained");
        string[] train = ["train", "text", "--data", data, "--dev", data, "--model", "bert", "--out", trained, "--from"];
        (int code, string output, string error) = await Command.Run([.. train, folder.Path, "--epochs", "2"]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(output, Does.StartWith("RoBERTa on data.tsv: 4 texts"));
        using (ModelPackage before = ModelPackage.Load(folder.Path), after = ModelPackage.Load(trained))
        {
            Assert.That(after.Description.Classes, Is.EqualTo(new[] { "bad", "good" }));
            Assert.That(after.Description.Metrics!["dev accuracy"], Is.EqualTo(Accuracy(after, ["the thing", "in the thing", "the in thing in"], [1, 0, 1])));
            // A few small steps away from the start.
            double moved = Deviation.Of(Words(after), Words(before));
            Assert.That(moved, Is.InRange(1e-7, 0.05));
        }

        (code, _, error) = await Command.Run("evaluate", "text", "-m", trained, "--data", data, "-o", folder.File("out"), "--quick", "--methods", "backtrace", "--metrics", "deletion");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        (code, output, error) = await Command.Run("explain", "-m", trained, "--text", "the thing", "-o", folder.File("out"));
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(output, Does.Contain("RoBERTa on data.tsv"));

        static float[] Words(ModelPackage model) => model.Module.state_dict()["roberta.embeddings.word_embeddings.weight"].data<float>().ToArray();
    }

    [Test]
    public async Task FoldersThatCannotBeTrainedFromAreRefused()
    {
        using TemporaryFolder folder = Published();
        string data = folder.Write("data.tsv", "the thing\t1\nin the thing\t0\n");
        Task<(int Code, string Output, string Error)> Train(string from, params string[] more) =>
            Command.Run(["train", "text", "--data", data, "--dev", data, "--out", folder.File("new"), "--from", from, "--epochs", "1", .. more]);
        (int code, _, string error) = await Train(folder.Path, "--model", "lstm");
        Assert.That((code, error), Is.EqualTo((ExitCodes.Model, error)));
        Assert.That(error, Does.Contain(folder.Path).And.Contain("byte pairs").And.Contain("start from a BERT"));
        (_, _, error) = await Train(folder.Path, "--model", "bert", "--min-count", "2");
        Assert.That(error, Does.Contain(folder.Path).And.Contain("leave the least count out"));
        (_, _, error) = await Train("mnist-mlp", "--model", "bert");
        Assert.That(error, Does.Contain("mnist-mlp").And.Contain("and this is none; give the folder of one"));

        using (var scope = NewDisposeScope())
        {
            using Roberta network = new(Published(2));
            SafeTensors.Save(folder.File("model.safetensors"), network.state_dict().Where(weight => !weight.Key.StartsWith("classifier", StringComparison.Ordinal)));
        }

        (code, _, error) = await Train(folder.Path, "--model", "bert");
        Assert.That((code, error), Is.EqualTo((ExitCodes.Model, error)));
        Assert.That(error, Does.Contain(folder.Path).And.Contain("without a classifier").And.Contain("fine-tune it"));
        File.Delete(folder.File("tokenizer.json"));
        (_, _, error) = await Train(folder.Path, "--model", "bert");
        Assert.That(error, Does.Contain(folder.Path).And.Contain("no tokenizer.json; write it"));
    }

    [Test]
    public void APublishedFolderAnswersAsItsNetworkDoes()
    {
        using var scope = NewDisposeScope();
        using IDisposable inference = no_grad();
        using TemporaryFolder folder = Published();
        using ModelPackage package = ModelPackage.Load(folder.Path);
        using Roberta network = new(Published(2));
        StateDict.Load(network, folder.File("model.safetensors"));
        TokenizedText text = package.PromptTokenizer!.Tokenize("in");
        Assert.That((text.Ids[0], text.Ids[^1], text.Ids.Count), Is.EqualTo((268, 269, 3)));
        Assert.That(package.Module.call(text.ToTensor()).equal(network.call(text.ToTensor())).all().item<bool>());
        Assert.That(package.Description.Classes, Is.EqualTo(new[] { "bad", "good" }));
        Published(1).Write(folder.File("config.json"));
        folder.Write("config.json", File.ReadAllText(folder.File("config.json")).Replace("\"vocab_size\": 271", "\"vocab_size\": 200", StringComparison.Ordinal));
        Assert.That(() => ModelPackage.Load(folder.Path), Throws.InstanceOf<ModelException>().With.Message.Contains("the tokenizer has 271 tokens, the network knows 200"));
    }

    [Test]
    public void WhatMakesNoNetworkIsRefused()
    {
        using Roberta network = new(Small);
        Assert.Multiple(() =>
        {
            Assert.That(() => network.call(zeros([1, 6], ScalarType.Int64)), Throws.ArgumentException.With.Message.Contains("6 tokens are more than the 5"));
            Assert.That(() => new Roberta(Small with { ModelType = "bert" }), Throws.ArgumentException.With.Message.Contains("roberta"));
            Assert.That(() => new Roberta(Small with { PadTokenId = 6 }), Throws.ArgumentException.With.Message.Contains("pad_token_id 6"));
            Assert.That(() => new Bert(Small), Throws.ArgumentException.With.Message.Contains("'roberta'"));
        });
    }

    // Of four texts; the last one is too long for the network and is counted as the training does: cut.
    private static double Accuracy(ModelPackage model, string[] texts, int[] labels)
    {
        using var scope = NewDisposeScope();
        using IDisposable inference = no_grad();
        TokenizedText cut = model.PromptTokenizer!.Tokenize("abcdefghijklm");
        IEnumerable<Tensor> inputs = texts.Select(text => model.PromptTokenizer!.Tokenize(text).ToTensor()).Append(tensor([.. cut.Ids.Take(9), cut.Ids[^1]], [1, 10]));
        return inputs.Zip(labels.Append(0), (ids, label) => model.Module.call(ids).argmax(1).item<long>() == label ? 1.0 : 0).Average();
    }

    private static BertConfig Published(int classes) => Small with { VocabSize = 271, MaxPositionEmbeddings = 12, NumLabels = classes };

    private static TemporaryFolder Published()
    {
        TemporaryFolder folder = new();
        (Published(2) with { NumLabels = null, LabelNames = new Dictionary<string, string> { ["0"] = "bad", ["1"] = "good" } }).Write(folder.File("config.json"));
        JsonObject tokenizer = TokenizerFile.Create();
        tokenizer["added_tokens"] = JsonNode.Parse("""[{ "id": 268, "content": "<s>", "special": true }, { "id": 269, "content": "</s>", "special": true }, { "id": 270, "content": "<mask>", "special": true }]""");
        tokenizer["post_processor"] = JsonNode.Parse("""{ "type": "RobertaProcessing", "sep": ["</s>", 269], "cls": ["<s>", 268], "trim_offsets": true, "add_prefix_space": false }""");
        folder.Write("tokenizer.json", tokenizer.ToJsonString());
        using Roberta network = new(Published(2));
        StateDict.Save(network, folder.File("model.safetensors"));
        return folder;
    }

    private static float[] Expected(Roberta network, long[] ids, long[] positions, int seen)
    {
        SlowEncoder slow = new(network, 1e-5);
        double[][] x = SlowEncoder.Add(slow.Rows("roberta.embeddings.word_embeddings.weight", ids), slow.Rows("roberta.embeddings.position_embeddings.weight", positions));
        x = slow.Norm(SlowEncoder.Add(x, slow.Rows("roberta.embeddings.token_type_embeddings.weight", ids.Select(_ => 0L))), "roberta.embeddings.LayerNorm");
        for (int k = 0; k < 2; k++)
        {
            string layer = $"roberta.encoder.layer.{k}.", self = layer + "attention.self.";
            double[][] mixed = SlowEncoder.Attention(slow.Linear(x, self + "query"), slow.Linear(x, self + "key"), slow.Linear(x, self + "value"), 2, seen);
            x = slow.Norm(SlowEncoder.Add(slow.Linear(mixed, layer + "attention.output.dense"), x), layer + "attention.output.LayerNorm");
            double[][] forward = slow.Linear(SlowEncoder.Gelu(slow.Linear(x, layer + "intermediate.dense")), layer + "output.dense");
            x = slow.Norm(SlowEncoder.Add(forward, x), layer + "output.LayerNorm");
        }

        return [.. slow.Linear(SlowEncoder.Map(slow.Linear([x[0]], "classifier.dense"), Math.Tanh), "classifier.out_proj")[0].Select(v => (float)v)];
    }
}
