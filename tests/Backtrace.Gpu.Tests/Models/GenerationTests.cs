using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Tests.Models;

/// <summary>Continued texts are those that a pass over the whole text for each token gives.</summary>
public sealed class GenerationTests
{
    private static readonly LlamaConfig Grouped = new(HiddenSize: 24, IntermediateSize: 40, Layers: 3, Heads: 6, VocabularySize: 61)
    {
        SharedHeads = 2,
        StatedHeadSize = 8,
        MaximumLength = 700,
        HasAttentionBias = true,
        StatedTheta = 500,
    };

    private static readonly RopeScaling Llama3 = new() { Type = "llama3", Factor = 8, LowTurns = 1, HighTurns = 4, OriginalLength = 16 };

    [TestCase("stories260k", "Once upon a time, there was a", 400)]
    [TestCase("stories260k", "The", 120)]
    [TestCase("stories260k", "Lily and Tom went to the park. They saw a big dog that was very sad because it had no friends. Tom said: \"Let us play!\"", 150)]
    [TestCase("shakespeare-lstm", "ROMEO:\n", 300)]
    [TestCase("shakespeare-lstm", "W", 120)]
    public void ShippedModelsContinueAsInWholePasses(string name, string text, int count)
    {
        using ModelPackage package = ModelPackage.Load(name);
        AssertContinuesAsInWholePasses((LanguageModel)package.Module, package.PromptTokenizer!.Tokenize(text).Ids, count);
    }

    // For 300 tokens the memory of keys and values has to grow once.
    [TestCase(2, false, false)]
    [TestCase(1, true, false)]
    [TestCase(6, false, true)]
    [TestCase(3, true, true)]
    public void RandomLlamasContinueAsInWholePasses(int sharedHeads, bool tied, bool stretched)
    {
        using Llama llama = Create(Grouped with { SharedHeads = sharedHeads, IsTied = tied, RopeScaling = stretched ? Llama3 : null }, seed: 7 + sharedHeads);
        AssertContinuesAsInWholePasses(llama, [3], 300);
        AssertContinuesAsInWholePasses(llama, [1, 2, 60, 4, 4, 0, 19], 100);
    }

    [TestCase(false)]
    [TestCase(true)]
    public void RoundedWeightsContinueAsInWholePassesUpToTheirRounding(bool tied)
    {
        using Llama llama = Create(Grouped with { IsTied = tied, RopeScaling = Llama3 }, seed: 3, ScalarType.BFloat16);
        AssertContinuesAsInWholePasses(llama, [5, 6, 7], 150, tolerance: 0.02);
    }

    [Test]
    public void ATextOfTheGreatestLengthIsTheEnd()
    {
        using Llama llama = Create(Grouped with { MaximumLength = 20 }, seed: 9);
        long[] prompt = [.. Enumerable.Range(0, 20)];
        Assert.Multiple(() =>
        {
            Assert.That(llama.Generate(prompt[..5], int.MaxValue), Has.Count.EqualTo(15));
            Assert.That(llama.Generate(prompt[..19], 5), Has.Count.EqualTo(1));
            Assert.That(llama.Generate(prompt, 5), Is.Empty);
            Assert.That(llama.Generate([.. prompt, 1, 2], 5), Is.Empty);
            Assert.That(llama.Generate(prompt[..5], 0), Is.Empty);
            Assert.That(llama.Generate(prompt[..5], -1), Is.Empty);
        });
    }

    [Test]
    public void AModelThatKeepsNothingReadsTheWholeTextAgain()
    {
        using SumModel model = new();
        IReadOnlyList<long> added = model.Generate([1, 2, 4], 4);
        Assert.That(added, Is.EqualTo(new long[] { 7, 14, 28, 56 }));
        Assert.That(model.Lengths, Is.EqualTo(new long[] { 3, 4, 5, 6 }));
    }

    [Test]
    public void EachTokenIsReadOnce()
    {
        using Llama llama = Create(Grouped, seed: 4);
        List<long> lengths = [];
        Module embedding = llama.named_modules().Single(m => m.name == "model.embed_tokens").module;
        ((Module<Tensor, Tensor>)embedding).register_forward_hook((_, ids, output) =>
        {
            lengths.Add(ids.shape[1]);
            return output;
        });
        llama.Generate([1, 2, 3, 4], 5);
        Assert.That(lengths, Is.EqualTo(new long[] { 4, 1, 1, 1, 1 }));
    }

    [Test]
    public void TextsThatAreContinuedInTurnsDoNotMeet()
    {
        using Llama llama = Create(Grouped, seed: 12);
        IReadOnlyList<long> first = llama.Generate([1, 2, 3], 30), second = llama.Generate([9], 30);
        Assert.That(llama.Continue([1, 2, 3], 30).Zip(llama.Continue([9], 30)), Is.EqualTo(first.Zip(second)));
    }

    // Other code of the thread runs in between.
    [Test]
    public void BetweenTokensGradientsAndScopesAreTheCallers()
    {
        using Llama llama = Create(Grouped, seed: 2);
        IReadOnlyList<long> all = llama.Generate([1, 2], 10);
        List<long> added = [];
        DisposeScope outer = NewDisposeScope();
        foreach (long token in llama.Continue([1, 2], 10))
        {
            Assert.That(is_grad_enabled());
            Assert.That(outer.DisposablesCount, Is.Zero);
            outer.Dispose();
            outer = NewDisposeScope();
            added.Add(token);
        }

        outer.Dispose();
        Assert.That(added, Is.EqualTo(all));
    }

    [Test]
    public void GenerationLeavesNoTensors([Values("llama", "lstm", "sum")] string name)
    {
        using LanguageModel model = name switch
        {
            "llama" => Create(Grouped, seed: 1),
            "lstm" => new LstmLanguageModel(61, 5, 7, 2),
            _ => new SumModel(),
        };
        Run();
        // What other tests left is collected now rather than in between.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = Tensor.TotalCount;
        for (int k = 0; k < 10; k++)
            Run();
        Assert.That(Tensor.TotalCount, Is.LessThanOrEqualTo(before));

        void Run()
        {
            using DisposeScope scope = NewDisposeScope();
            model.Generate([1, 2, 3], 8);
            _ = model.Continue([1, 2, 3], 8).First();
            using CancellationTokenSource cancellation = new();
            Assert.That(() => model.Continue([1, 2, 3], 8, cancellation.Token).Select((_, k) =>
            {
                if (k == 2)
                    cancellation.Cancel();
                return k;
            }).Count(), Throws.InstanceOf<OperationCanceledException>());
            // There is no such token.
            Assert.That(() => model.Generate([1, 99], 8), Throws.Exception);
            Assert.That(scope.DisposablesCount, Is.Zero);
        }
    }

    [Test]
    public void AFailureBetweenTheLayersOfAStepLeavesNoTensors()
    {
        using Llama llama = Create(Grouped, seed: 1);
        Module<Tensor, Tensor> layer = (Module<Tensor, Tensor>)llama.named_modules().Single(m => m.name == "model.layers.1.self_attn.o_proj").module;
        int calls = 0;
        layer.register_forward_hook((_, _, output) => ++calls % 3 == 0 ? throw new InvalidOperationException("the third token") : output);
        Fail();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = Tensor.TotalCount;
        for (int k = 0; k < 10; k++)
            Fail();
        Assert.That(Tensor.TotalCount, Is.LessThanOrEqualTo(before));

        void Fail()
        {
            using DisposeScope scope = NewDisposeScope();
            Assert.That(() => llama.Generate([1, 2, 3], 8), Throws.InvalidOperationException);
            Assert.That(scope.DisposablesCount, Is.Zero);
        }
    }

    [Test]
    public void ModelsThatAreExplainedBetweenTokensContinueAsBefore()
    {
        using Llama llama = Create(Grouped, seed: 5);
        using Backtracer backtracer = new(llama, inputs => [llama.LastLogits(inputs[0], 1)]);
        IReadOnlyList<long> all = llama.Generate([1, 2], 12);
        using Tensor ids = tensor(new long[] { 7, 8, 9 }, [1, 3]);
        using Explanation alone = backtracer.Explain(ids, Targets.Target.NextToken());
        List<long> added = [];
        foreach (long token in llama.Continue([1, 2], 12))
        {
            added.Add(token);
            using Explanation explanation = backtracer.Explain(ids, Targets.Target.NextToken());
            Assert.That(explanation.Input.equal(alone.Input).all().item<bool>());
        }

        Assert.That(added, Is.EqualTo(all));
    }

    // Each step chooses the same token from the same logits. Where logits are rounded, two best ones may be equal or change places.
    private static void AssertContinuesAsInWholePasses(LanguageModel model, IReadOnlyList<long> prompt, int count, double tolerance = 1e-4)
    {
        List<float[]> steps = [];
        Module<Tensor, Tensor> head = (Module<Tensor, Tensor>)model.named_modules().Single(m => m.name is "lm_head" or "decoder").module;
        var hook = head.register_forward_hook((_, _, logits) =>
        {
            steps.Add(Values(logits[0, -1]));
            return logits;
        });
        long[] all = [.. prompt, .. model.Generate(prompt, count)];
        hook.remove();
        Assert.That(all.Length - prompt.Count, Is.InRange(100, count));
        Assert.That(steps, Has.Count.EqualTo(all.Length - prompt.Count));
        using IDisposable inference = no_grad();
        for (int k = 0; k < steps.Count; k++)
        {
            using DisposeScope scope = NewDisposeScope();
            long[] before = all[..(prompt.Count + k)];
            float[] expected = Values(model.LastLogits(tensor(before, [1, before.Length]), 1)[0, -1]);
            Assert.That(Deviation.Of(steps[k], expected), Is.LessThan(tolerance), $"logits of token {k}");
            long chosen = all[before.Length];
            if (tolerance <= 1e-4)
                Assert.That(chosen, Is.EqualTo(Array.IndexOf(expected, expected.Max())), $"token {k}");
            else
                Assert.That(expected[chosen], Is.GreaterThanOrEqualTo(expected.Max() - 2 * tolerance * expected.Max(Math.Abs)), $"token {k}");
        }
    }

    private static float[] Values(Tensor logits)
    {
        using Tensor single = logits.to(ScalarType.Float32);
        return single.data<float>().ToArray();
    }

    private static Llama Create(LlamaConfig config, int seed, ScalarType type = ScalarType.Float32)
    {
        using TemporaryFolder folder = new();
        using DisposeScope scope = NewDisposeScope();
        SafeTensors.Save(folder.File("w"), LlamaWeights.Random(config, seed));
        Llama llama = new(config);
        using WeightFiles files = WeightFiles.OpenFile(folder.File("w"));
        StateDict.Load(llama, files, type);
        return llama;
    }

    // The next token is the sum of all of them: nothing less than the whole text tells it.
    private sealed class SumModel() : LanguageModel(nameof(SumModel))
    {
        internal List<long> Lengths { get; } = [];

        public override int VocabularySize => 64;

        private protected override Tensor States(Tensor ids)
        {
            Lengths.Add(ids.shape[1]);
            if (ids.data<long>().Any(id => id >= VocabularySize))
                throw new ArgumentException("There is no such token.");
            return functional.one_hot(ids.sum(1, keepdim: true).remainder(VocabularySize), VocabularySize).to(ScalarType.Float32);
        }

        private protected override Tensor Logits(Tensor states) => states.alias();
    }
}
