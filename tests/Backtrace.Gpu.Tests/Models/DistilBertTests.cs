using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Cli;
using Backtrace.Gpu.Tests.Engine;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Models;

public sealed class DistilBertTests
{
    private static readonly DistilBertConfig Small = new(10, 8, 2, 2, 12) { MaxPositionEmbeddings = 6, NumLabels = 3 };

    [TestCase(4)]
    [TestCase(3)]
    public void LogitsEqualAReferenceInLoops(int tokens)
    {
        using var scope = NewDisposeScope();
        using IDisposable inference = no_grad();
        using DistilBert network = new(Small);
        network.eval();
        long[] ids = [2, 7, 5, 3];
        Tensor input = tensor(ids, [1, 4]), mask = arange(4).lt(tokens).to_type(ScalarType.Int64).view(1, 4);
        float[] expected = Expected(network, ids, tokens), padded = network.forward(input, mask, null).data<float>().ToArray(), plain = network.call(input).data<float>().ToArray();
        Assert.That(Deviation.Of(padded, expected), Is.LessThan(1e-5));
        if (tokens == 4)
            Assert.That(Deviation.Of(plain, expected), Is.LessThan(1e-5));
        else
            Assert.That(Deviation.Of(plain, expected), Is.GreaterThan(1e-3), "padding is not seen");
    }

    [Test]
    public void ParametersHaveTheNamesOfHuggingFace()
    {
        using DistilBert network = new(Small);
        Assert.That(network.state_dict().Keys, Is.SupersetOf(new[]
        {
            "distilbert.embeddings.word_embeddings.weight", "distilbert.embeddings.position_embeddings.weight", "distilbert.embeddings.LayerNorm.bias",
            "distilbert.transformer.layer.1.attention.q_lin.weight", "distilbert.transformer.layer.1.attention.out_lin.bias", "distilbert.transformer.layer.0.sa_layer_norm.weight",
            "distilbert.transformer.layer.0.ffn.lin1.weight", "distilbert.transformer.layer.0.ffn.lin2.bias", "distilbert.transformer.layer.1.output_layer_norm.bias",
            "pre_classifier.weight", "classifier.bias",
        }));
        Assert.That(network.state_dict(), Has.Count.EqualTo(4 + 2 * 16 + 4));
    }

    [Test]
    public void APublishedFolderLoadsAndIsExplained()
    {
        using var scope = NewDisposeScope();
        using TemporaryFolder folder = new();
        folder.Write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nword\n");
        folder.Write("config.json", """
            { "model_type": "distilbert", "activation": "gelu", "dim": 8, "hidden_dim": 12, "n_heads": 2, "n_layers": 2, "vocab_size": 6, "max_position_embeddings": 6,
              "dropout": 0.1, "attention_dropout": 0.1, "seq_classif_dropout": 0.2, "sinusoidal_pos_embds": false, "tie_weights_": true, "id2label": { "0": "bad", "1": "good" } }
            """);
        using (DistilBert network = new(Small with { VocabSize = 6, NumLabels = 2 }))
            StateDict.Save(network, folder.File("model.safetensors"));
        using ModelPackage package = ModelPackage.Load(folder.Path);
        using TextInput text = package.Tokenizer!.Encode(["word word"]);
        using Explanation explanation = Explaining.Explain(package.Module, text.Ids, Target.Argmax());
        Explaining.AssertConserved(explanation);
        Assert.Multiple(() =>
        {
            Assert.That(package.Module, Is.TypeOf<DistilBert>());
            Assert.That(package.Description.Classes, Is.EqualTo(new[] { "bad", "good" }));
            Assert.That(package.Description.Preprocessing, Is.EqualTo(new TextPreprocessing(6)));
            Assert.That(explanation.Input.shape, Is.EqualTo(new long[] { 1, 4 }));
        });
    }

    [Test]
    public async Task APublishedFolderIsEvaluated()
    {
        using TemporaryFolder folder = new();
        folder.Write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nword\nfilm\n");
        DistilBertConfig config = Small with { VocabSize = 7, NumLabels = 2, MaxPositionEmbeddings = 8 };
        config.Write(folder.File("config.json"));
        using (DistilBert network = new(config))
            StateDict.Save(network, folder.File("model.safetensors"));
        string data = folder.Write("data.tsv", "word film word film\t1\nfilm film film word\t0\n");
        (int code, string output, string error) = await Command.Run(
            ["evaluate", "text", "-m", folder.Path, "--data", data, "-o", folder.File("out"), "--quick", "--methods", "backtrace,token-tm,gradient-x-input"]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(output, Does.Contain("2 sentences").And.Contain("the token [MASK]").And.Contain("| TokenTM |").And.Not.Contain("Left out"));
    }

    [TestCase("\"hidden_size\": 9", "hidden_size is 9; only 8 is supported")]
    [TestCase("\"num_attention_heads\": 4", "num_attention_heads is 4; only 2 is supported")]
    [TestCase("\"architectures\": [\"DistilBertForMaskedLM\"]", "architectures is [\"DistilBertForMaskedLM\"]; only DistilBertForSequenceClassification is supported")]
    public void WhatMakesAnotherNetworkIsRefused(string field, string problem)
    {
        using TemporaryFolder folder = new();
        Small.Write(folder.File("config.json"));
        string config = File.ReadAllText(folder.File("config.json"));
        folder.Write("config.json", config.Insert(1, $" {field},"));
        Assert.That(() => DistilBertConfig.Read(folder.File("config.json")), Throws.InstanceOf<ModelException>().With.Message.Contains($"config.json: {problem}"));
    }

    [TestCase("bert", "DistilBERT on data.tsv", false)]
    [TestCase("lstm", "LSTM on data.tsv", false)]
    [TestCase("bert", "DistilBERT on data.tsv", true)]
    public async Task TrainingStartsFromAPublishedFolder(string network, string title, bool hasTokenizerOnly)
    {
        using TemporaryFolder folder = new();
        if (hasTokenizerOnly)
        {
            folder.Write("tokenizer.json", """
                { "normalizer": { "type": "BertNormalizer" }, "pre_tokenizer": { "type": "BertPreTokenizer" }, "post_processor": { "type": "BertProcessing", "cls": ["[CLS]", 2], "sep": ["[SEP]", 3] },
                  "model": { "type": "WordPiece", "vocab": { "[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "word": 5, "film": 6 } } }
                """);
        }
        else
        {
            folder.Write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nword\nfilm\n");
        }

        DistilBertConfig config = Small with { VocabSize = 7, NumLabels = 2, MaxPositionEmbeddings = 8 };
        config.Write(folder.File("config.json"));
        using (DistilBert start = new(config))
            StateDict.Save(start, folder.File("model.safetensors"));
        string data = folder.Write("data.tsv", "word film word film\t1\nfilm film film word\t0\nfilm\t2\n"), trained = folder.File("trained");
        (int code, string output, string error) = await Command.Run(
            "train", "text", "--data", data, "--dev", data, "--model", network, "--from", folder.Path, "--out", trained, "--epochs", "1", "--min-count", "0");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(output, Does.StartWith(title));
        (code, output, error) = await Command.Run("explain", "-m", trained, "--text", "word film", "-o", folder.File("out"));
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(output, Does.Contain(title));
    }

    [TestCase("Word", null, false)]
    [TestCase("[unused1]", null, true)]
    [TestCase("Word", "{ \"do_lower_case\": true }", true)]
    [TestCase("word", "{ \"do_lower_case\": false }", false)]
    public void TheVocabularySaysWhetherCaseMattersWhereNoFileDoes(string piece, string? tokenizer, bool isLowerCase)
    {
        using TemporaryFolder folder = new();
        folder.Write("vocab.txt", $"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n{piece}\n");
        DistilBertConfig config = Small with { VocabSize = 6 };
        config.Write(folder.File("config.json"));
        if (tokenizer is not null)
            folder.Write("tokenizer_config.json", tokenizer);
        using (DistilBert network = new(config))
            StateDict.Save(network, folder.File("model.safetensors"));
        using ModelPackage package = ModelPackage.Load(folder.Path);
        Assert.That(((TextPreprocessing)package.Description.Preprocessing).LowerCase, Is.EqualTo(isLowerCase));
    }

    [Test]
    public void WhatMakesNoNetworkIsRefused()
    {
        using DistilBert network = new(Small);
        Assert.Multiple(() =>
        {
            Assert.That(() => network.call(zeros([1, 7], ScalarType.Int64)), Throws.ArgumentException.With.Message.Contains("7 tokens"));
            Assert.That(() => new DistilBert(Small with { Activation = "mish" }), Throws.ArgumentException.With.Message.Contains("activation 'mish'"));
            Assert.That(() => new DistilBert(Small with { NHeads = 3 }), Throws.ArgumentException.With.Message.Contains("n_heads 3 does not divide dim 8"));
        });
    }

    private static float[] Expected(DistilBert network, long[] ids, int seen)
    {
        SlowEncoder slow = new(network, 1e-12);
        double[][] x = SlowEncoder.Add(slow.Rows("distilbert.embeddings.word_embeddings.weight", ids), slow.Rows("distilbert.embeddings.position_embeddings.weight", [0, 1, 2, 3]));
        x = slow.Norm(x, "distilbert.embeddings.LayerNorm");
        for (int k = 0; k < 2; k++)
        {
            string layer = $"distilbert.transformer.layer.{k}.";
            double[][] mixed = SlowEncoder.Attention(
                slow.Linear(x, layer + "attention.q_lin"), slow.Linear(x, layer + "attention.k_lin"), slow.Linear(x, layer + "attention.v_lin"), 2, seen);
            x = slow.Norm(SlowEncoder.Add(slow.Linear(mixed, layer + "attention.out_lin"), x), layer + "sa_layer_norm");
            double[][] forward = slow.Linear(SlowEncoder.Gelu(slow.Linear(x, layer + "ffn.lin1")), layer + "ffn.lin2");
            x = slow.Norm(SlowEncoder.Add(forward, x), layer + "output_layer_norm");
        }

        return [.. slow.Linear(SlowEncoder.Map(slow.Linear([x[0]], "pre_classifier"), v => Math.Max(v, 0)), "classifier")[0].Select(v => (float)v)];
    }
}
