using System.Text.Json;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Models;

public sealed class LlamaTests
{
    private static readonly LlamaConfig Odd = new(HiddenSize: 12, IntermediateSize: 20, Layers: 2, Heads: 6, VocabularySize: 19)
    {
        SharedHeads = 2,
        StatedHeadSize = 8,
        MaximumLength = 64,
        HasAttentionBias = true,
        HasMlpBias = true,
        StatedTheta = 500,
        RopeScaling = new RopeScaling { Type = "llama3", Factor = 8, LowTurns = 1, HighTurns = 4, OriginalLength = 16 },
    };

    private static readonly LlamaConfig Pair = new(16, 40, 2, 4, 48) { SharedHeads = 2, NormEpsilon = 1e-5, IsTied = true };

    private static JsonElement Recorded => JsonDocument.Parse(File.ReadAllText(Assets.Path("models", "stories260k", "expected_greedy.json"))).RootElement;

    [Test]
    public void LogitsEqualTheRecordedOnes()
    {
        using ModelPackage package = ModelPackage.Load("stories260k");
        TokenizedText prompt = package.PromptTokenizer!.Tokenize(Recorded.GetProperty("prompt").GetString()!);
        Assert.That(prompt.Ids, Is.EqualTo(Recorded.GetProperty("prompt_ids").Deserialize<long[]>()));
        using IDisposable inference = no_grad();
        using Tensor ids = prompt.ToTensor(), logits = package.Module.call(ids), last = logits[0, -1];
        float[] expected = Recorded.GetProperty("logits_last_prompt_position").Deserialize<float[]>()!;
        Assert.That(Deviation.Of(last.data<float>().ToArray(), expected), Is.LessThan(1e-5));
    }

    [Test]
    public void GreedyTextEqualsTheRecordedOne()
    {
        using ModelPackage package = ModelPackage.Load("stories260k");
        long[] prompt = Recorded.GetProperty("prompt_ids").Deserialize<long[]>()!, all = Recorded.GetProperty("greedy_ids").Deserialize<long[]>()!;
        IReadOnlyList<long> added = ((Llama)package.Module).Generate(prompt, all.Length - prompt.Length);
        Assert.That(prompt.Concat(added), Is.EqualTo(all));
        Assert.That(package.PromptTokenizer!.Decode(prompt.Concat(added)), Is.EqualTo(Recorded.GetProperty("text").GetString()));
    }

    [Test]
    public void OutputEqualsTheGoldenCase()
    {
        using SafeTensorsFile golden = SafeTensors.Open(Fixtures.Path("models", "llama_pair.safetensors"));
        const string parameter = "param.";
        using TemporaryFolder folder = new();
        SafeTensors.Save(folder.File("w"), golden.Tensors.Where(t => t.Name.StartsWith(parameter, StringComparison.Ordinal))
            .Select(t => KeyValuePair.Create(t.Name[parameter.Length..], golden.ToTensor(t.Name))));
        using Llama llama = new(Pair);
        StateDict.Load(llama, folder.File("w"));
        using IDisposable inference = no_grad();
        using Tensor ids = golden.ToTensor("in.input_ids"), output = llama.call(ids);
        float[] expected = [.. golden.Read<double>("expected.output").Select(value => (float)value)];
        Assert.That(Deviation.Of(output.data<float>().ToArray(), expected), Is.LessThan(1e-5));
    }

    [Test]
    public void BiasesUnevenHeadsStretchedFrequenciesAndAnOwnHeadComputeAsDefined()
    {
        using TemporaryFolder folder = new();
        Dictionary<string, Tensor> weights = LlamaWeights.Random(Odd, seed: 5);
        SafeTensors.Save(folder.File("w"), weights);
        using Llama llama = new(Odd);
        StateDict.Load(llama, folder.File("w"));
        long[] text = [3, 18, 0, 7, 7, 12, 1, 5, 9, 11, 2, 4, 16];
        using IDisposable inference = no_grad();
        using Tensor ids = tensor(text, [1, text.Length]), output = llama.call(ids);
        float[] expected = SlowLlama.Logits(Odd, weights, text);
        Assert.That(Deviation.Of(output.data<float>().ToArray(), expected), Is.LessThan(1e-5));
    }

    [Test]
    public void LaterTokensDoNotChangeEarlierLogits()
    {
        using ModelPackage package = ModelPackage.Load("stories260k");
        using IDisposable inference = no_grad();
        using Tensor texts = tensor(new long[] { 1, 403, 407, 261, 378, 1, 403, 407, 19, 20 }, [2, 5]), logits = package.Module.call(texts);
        Assert.That(logits[0, ..3].allclose(logits[1, ..3], 1e-5, 1e-5), "before the difference");
        Assert.That(logits[0, 3].allclose(logits[1, 3], 1e-5, 1e-5), Is.False, "at the difference");
    }

    [Test]
    public void AModelOf70BillionWeightsIsBuiltWithoutMemory()
    {
        LlamaConfig large = new(8192, 28672, 80, 64, 128256) { SharedHeads = 8 };
        using Llama llama = new(large);
        Assert.That(llama.parameters().All(p => p.device_type == DeviceType.META));
        Assert.That(llama.parameters().Sum(p => p.numel()), Is.EqualTo(70_553_706_496));
    }

    [Test]
    public void WeightsStayBf16WhenAskedFor()
    {
        using ModelPackage single = ModelPackage.Load("stories260k"), half = ModelPackage.Load("stories260k", ScalarType.BFloat16);
        Assert.That(half.Module.parameters().Select(p => p.dtype).Distinct(), Is.EqualTo(new[] { ScalarType.BFloat16 }));
        using IDisposable inference = no_grad();
        using Tensor ids = half.PromptTokenizer!.Tokenize("Lily saw a").ToTensor(), expected = single.Module.call(ids), logits = half.Module.call(ids);
        Assert.That(logits.dtype, Is.EqualTo(ScalarType.BFloat16));
        using Tensor widened = logits.to(ScalarType.Float32);
        Assert.That(Deviation.Of(widened.data<float>().ToArray(), expected.data<float>().ToArray()), Is.InRange(1e-6, 0.05));
    }

    [TestCase("stories260k")]
    [TestCase("shakespeare-lstm")]
    public void LastLogitsAreThoseOfTheLastPositions(string name)
    {
        using ModelPackage package = ModelPackage.Load(name);
        LanguageModel model = (LanguageModel)package.Module;
        using IDisposable inference = no_grad();
        using Tensor ids = package.PromptTokenizer!.Tokenize("First a").ToTensor(), all = model.call(ids), expected = all.narrow(1, all.shape[1] - 3, 3), last = model.LastLogits(ids, 3);
        Assert.That(last.shape, Is.EqualTo(new[] { 1, 3, model.VocabularySize }));
        using Tensor known = expected.contiguous();
        Assert.That(Deviation.Of(last.data<float>().ToArray(), known.data<float>().ToArray()), Is.LessThan(1e-6));
        foreach (int count in new[] { 0, (int)ids.shape[1] + 1 })
            Assert.That(() => model.LastLogits(ids, count), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void TooLongTextsAndOddShapesAreRefused()
    {
        using Llama llama = new(Odd);
        Assert.That(() => llama.call(zeros([1, 65], ScalarType.Int64)), Throws.ArgumentException.With.Message.Contains("1 to 64"));
        Assert.That(() => llama.call(zeros([5], ScalarType.Int64)), Throws.ArgumentException);
        Assert.That(() => llama.Generate([], 3), Throws.ArgumentException);
        Assert.That(() => new Llama(Odd with { SharedHeads = 4 }), Throws.ArgumentException);
    }

    [Test]
    public void GenerationStopsAtTheEndTokenAndAtTheLongestText()
    {
        using TemporaryFolder folder = new();
        Dictionary<string, Tensor> weights = LlamaWeights.Random(Odd, seed: 6);
        SafeTensors.Save(folder.File("w"), weights);
        using Llama free = new(Odd);
        StateDict.Load(free, folder.File("w"));
        IReadOnlyList<long> all = free.Generate([1, 2], 1000);
        Assert.That(all, Has.Count.EqualTo(62));
        using Llama ending = new(Odd with { EndTokens = [all[4]] });
        StateDict.Load(ending, folder.File("w"));
        Assert.That(ending.Generate([1, 2], 1000), Is.EqualTo(all.Take(all.ToList().IndexOf(all[4]) + 1)));
    }
}
