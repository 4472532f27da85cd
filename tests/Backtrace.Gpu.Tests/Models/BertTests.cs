using System.Text.Json;
using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Models;

public sealed class BertTests
{
    // The reference has fp32 weights, the file bf16. Random relative errors of 2^-9, which is bf16's rounding, in all weights were seen to move
    // these logits (up to 1.7) by up to 5e-3; most of it comes from weights that are the same for every token and so do not average out.
    private const double Bf16 = 8e-3;

    private static readonly BertConfig Small = new(30, 16, 2, 2, 32) { MaxPositionEmbeddings = 8, NumLabels = 3 };

    [Test]
    public void LogitsAndTokensEqualTheReference()
    {
        using var scope = NewDisposeScope();
        using IDisposable inference = no_grad();
        using ModelPackage model = ModelPackage.Load("bert-tiny-sst2");
        Sentence[] sentences = Sentences();
        using TextInput batch = model.Tokenizer!.Encode([.. sentences.Select(s => s.Text)]);
        Tensor padded = Logits(model, batch);
        double largest = 0;
        for (int i = 0; i < sentences.Length; i++)
        {
            Assert.That(batch.Texts[i].Tokens, Is.EqualTo(sentences[i].Tokens), sentences[i].Text);
            using TextInput single = model.Tokenizer.Encode([sentences[i].Text]);
            float[] alone = Logits(model, single).data<float>().ToArray(), plain = model.Module.call(single.Ids).data<float>().ToArray();
            Assert.That(alone, Is.EqualTo(sentences[i].Logits).Within(Bf16), sentences[i].Text);
            Assert.That(plain, Is.EqualTo(alone).Within(1e-6), "without a mask");
            Assert.That(padded[i].data<float>().ToArray(), Is.EqualTo(alone).Within(2e-6), "padded");
            largest = Math.Max(largest, alone.Zip(sentences[i].Logits, (a, b) => Math.Abs(a - b)).Max());
        }
        TestContext.Out.WriteLine($"largest difference {largest:E2}");
    }

    [Test]
    public void AWholeNetworkEqualsItsReference()
    {
        using var scope = NewDisposeScope();
        using IDisposable inference = no_grad();
        using SafeTensorsFile file = SafeTensors.Open(Fixtures.Path("models", "bert_pair.safetensors"));
        using Bert bert = new(Small);
        foreach ((string name, Tensor target) in bert.state_dict())
        {
            string stored = "param." + (name.StartsWith("bert.", StringComparison.Ordinal) ? name[5..] : name);
            if (file.Contains(stored))
                target.copy_(file.ToTensor(stored));
            else
                target.zero_(); // The reference has no token types.
        }
        bert.eval();
        Tensor mask = file.ToTensor("in.attention_mask").flatten(1).eq(0).to_type(ScalarType.Int64);
        Tensor logits = bert.forward(file.ToTensor("in.input_ids"), mask, null, file.ToTensor("in.position_ids"));
        double[] expected = file.Read<double>("expected.output");
        Assert.That(logits.data<float>().ToArray(), Is.EqualTo(expected).Within(1e-5));
    }

    [Test]
    public void ParametersHaveTheNamesOfHuggingFace()
    {
        using Bert bert = new(Small);
        Assert.That(bert.state_dict().Keys, Is.SupersetOf(new[]
        {
            "bert.embeddings.token_type_embeddings.weight", "bert.embeddings.LayerNorm.bias", "bert.encoder.layer.1.attention.self.query.weight",
            "bert.encoder.layer.1.attention.output.LayerNorm.weight", "bert.encoder.layer.0.intermediate.dense.bias", "bert.encoder.layer.0.output.dense.weight",
            "bert.pooler.dense.weight", "classifier.bias",
        }));
        Assert.That(bert.state_dict(), Has.Count.EqualTo(5 + 2 * 16 + 4));
    }

    [Test]
    public void TokenTypesAndPositionsCount()
    {
        using var scope = NewDisposeScope();
        using IDisposable inference = no_grad();
        using Bert bert = new(Small);
        bert.eval();
        Tensor ids = tensor(new long[] { 2, 7, 5, 3 }, [1, 4]), ordinary = bert.call(ids);
        Tensor second = bert.forward(ids, null, ones_like(ids)), backwards = bert.forward(ids, null, null, tensor(new long[] { 3, 2, 1, 0 }));
        Tensor counted = bert.forward(ids, ones_like(ids), zeros_like(ids), arange(4, ScalarType.Int64));
        Assert.Multiple(() =>
        {
            Assert.That(counted.allclose(ordinary, 1e-6, 1e-6));
            Assert.That(second.allclose(ordinary, 1e-3, 1e-3), Is.False);
            Assert.That(backwards.allclose(ordinary, 1e-3, 1e-3), Is.False);
            Assert.That(() => bert.call(zeros([1, 9], ScalarType.Int64)), Throws.ArgumentException.With.Message.Contains("9 tokens"));
        });
    }

    [TestCase("gelu", 0.5, 0.34573123)]
    [TestCase("gelu_new", 0.5, 0.34571401)]
    [TestCase("gelu_pytorch_tanh", 0.5, 0.34571401)]
    [TestCase("relu", -0.5, 0)]
    [TestCase("silu", 0.5, 0.31122967)]
    public void TheActivationIsTheOneThatTheConfigurationNames(string name, double at, double expected)
    {
        using var scope = NewDisposeScope();
        using Bert bert = new(Small with { HiddenAct = name });
        nn.Module<Tensor, Tensor> activation = (nn.Module<Tensor, Tensor>)bert.named_modules().Single(m => m.name.StartsWith("bert.encoder.layer.0.intermediate.", StringComparison.Ordinal) && !m.name.EndsWith("dense", StringComparison.Ordinal)).module;
        Assert.That(activation.call(tensor(new[] { (float)at })).item<float>(), Is.EqualTo(expected).Within(1e-6));
    }

    [Test]
    public void ValuesAreDroppedInTrainingOnly()
    {
        using var scope = NewDisposeScope();
        using Bert bert = new(Small);
        Tensor ids = tensor(new long[] { 2, 7, 5, 3 }, [1, 4]);
        bert.train();
        Tensor first = bert.call(ids), second = bert.call(ids);
        bert.eval();
        Tensor third = bert.call(ids), fourth = bert.call(ids);
        Assert.That(first.equal(second).all().item<bool>(), Is.False);
        Assert.That(third.equal(fourth).all().item<bool>());
    }

    [Test]
    public void EveryRecordedOperatorIsNamedAfterItsModule()
    {
        using var scope = NewDisposeScope();
        using Bert bert = new(Small);
        using Backtracer backtracer = new(bert);
        using RelevanceGraph graph = backtracer.Record([tensor(new long[] { 2, 7, 5, 3 }, [1, 4])]);
        string[] names = [.. graph.Nodes.Select(node => node.Name)];
        Assert.That(names, Has.All.StartsWith("bert.").Or.EqualTo("classifier"));
        Assert.That(names, Has.Some.StartsWith("bert.encoder.layer.1.attention.self.").And.Some.EqualTo("bert.encoder.layer.0.intermediate.dense"));
    }

    private static Tensor Logits(ModelPackage model, TextInput input) =>
        ((TextClassifier)model.Module).forward(input.Ids, input.AttentionMask, input.TokenTypes);

    private static Sentence[] Sentences() =>
        JsonSerializer.Deserialize<Sentence[]>(File.ReadAllText(Assets.Path("models", "bert_tiny_expected.json")), JsonSerializerOptions.Web)!;

    private sealed record Sentence(string Text, string[] Tokens, float[] Logits);
}
