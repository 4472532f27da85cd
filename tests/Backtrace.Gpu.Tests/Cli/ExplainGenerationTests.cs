using System.Text.Json;
using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Models;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Cli;

public sealed class ExplainGenerationTests
{
    private const string Story = "Once upon a time, there was a";

    [Test]
    public async Task TheNextTokenIsExplainedByAllBeforeIt()
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run("explain", "-m", "stories260k", "--text", Story, "-o", folder.Path, "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        JsonElement e = Explanations(output).Single();
        JsonElement[] tokens = [.. e.GetProperty("tokens").EnumerateArray()];
        Assert.Multiple(() =>
        {
            Assert.That(e.GetProperty("target").GetProperty("class").GetString(), Is.EqualTo("little"));
            Assert.That(e.GetProperty("alternatives").GetArrayLength(), Is.EqualTo(5));
            Assert.That(tokens[0].GetProperty("text").GetString(), Is.EqualTo("<s>"));
            Assert.That(tokens.Sum(t => t.GetProperty("relevance").GetDouble()), Is.EqualTo(e.GetProperty("ledger").GetProperty("input").GetDouble()).Within(1e-5));
            Assert.That(File.ReadAllText(folder.File("index.html")), Does.Contain("class=\"next\"").And.Contain("little"));
        });
    }

    [TestCase("stories260k", Story)]
    [TestCase("shakespeare-lstm", "First Citi")]
    public async Task OnePassExplainsEachTokenAsItsOwnPassDoes(string model, string text)
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run("explain", "-m", model, "--text", text, "--generate", "3", "-o", folder.Path, "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        JsonElement[] all = Explanations(output);
        // A character is a token, so that the text before the second one is known.
        string before = text + (model == "shakespeare-lstm" ? Class(all[0]) : " " + Class(all[0]));
        (_, string single, _) = await Command.Run("explain", "-m", model, "--text", before, "-o", folder.File("one"), "--json");
        JsonElement one = Explanations(single).Single();
        Assert.Multiple(() =>
        {
            Assert.That(all, Has.Length.EqualTo(3));
            Assert.That(Class(all[1]), Is.EqualTo(Class(one)));
            Assert.That(Shares(all[1]), Is.EqualTo(Shares(one)).Within(1e-5));
            Assert.That(all.Select(e => e.GetProperty("tokens").GetArrayLength()), Is.EqualTo(Enumerable.Range(Shares(all[0]).Length, 3)));
            Assert.That(all.All(e => File.Exists(folder.File(e.GetProperty("relevance").GetProperty("file").GetString()!))));
        });
    }

    [Test]
    public async Task RoundedWeightsExplainTheSameTokensNearlyAlike()
    {
        using TemporaryFolder folder = new();
        string[] command = ["explain", "-m", "stories260k", "--text", Story, "--generate", "3", "-o", folder.Path, "--json"];
        (int code, string output, string error) = await Command.Run([.. command, "--weights", "bf16"]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        (_, string single, _) = await Command.Run(command);
        JsonElement[] rounded = Explanations(output), exact = Explanations(single);
        Assert.Multiple(() =>
        {
            Assert.That(JsonDocument.Parse(output).RootElement.GetProperty("weights").GetString(), Is.EqualTo("bf16"));
            Assert.That(JsonDocument.Parse(single).RootElement.GetProperty("weights").GetString(), Is.EqualTo("fp32"));
            Assert.That(rounded.Select(Class), Is.EqualTo(exact.Select(Class)));
            for (int k = 0; k < exact.Length; k++)
                Assert.That(Shares(rounded[k]), Is.EqualTo(Shares(exact[k])).Within(0.02).And.Not.EqualTo(Shares(exact[k])));
        });
    }

    [TestCase(0.04, ExpectedResult = "")]
    [TestCase(0.26, ExpectedResult = ", 0.3 per second")]
    [TestCase(1234, ExpectedResult = ", 1,234 per second")]
    public string SlowModelsAreNotSaidToExplainNothing(double rate) => ExplainText.PerSecond(rate);

    [TestCase("argmax")]
    [TestCase("top:2")]
    public void OnlyTheExplainedPositionsAreAnswered(string target)
    {
        using Explainer explainer = new(ModelPackage.Load("stories260k"));
        TextTokenizer tokenizer = explainer.Package.PromptTokenizer!;
        using PromptSamples samples = new(tokenizer, [Continued("a", tokenizer.Tokenize(Story).Ids, [10, 20, 30])]);
        IReadOnlyList<(Explanation Explanation, Explained[] Found)> pass = explainer.Explain(samples, 0, 2, TargetList.ParseTokens([target], tokenizer), default);
        Assert.That(pass.Select(part => part.Explanation.Prediction.shape), Has.All.EqualTo(new long[] { 1, 2, 512 }));
        foreach ((Explanation explanation, _) in pass)
            explanation.Dispose();
    }

    [Test]
    public void APassTakesNoMoreTokensThanItIsTold()
    {
        BytePairTokenizer tokenizer = BytePairs();
        using PromptSamples samples = new(tokenizer, [Continued("a", [0, 1, 2], [.. Enumerable.Range(3, 20)]), Continued("b", [0, 1], [7])]);
        using Tensor first = samples.Batch(0, 16), last = samples.Batch(16, 4);
        Assert.Multiple(() =>
        {
            Assert.That(samples.UsualBatch, Is.EqualTo(16));
            Assert.That(samples.Together(0, 16), Is.EqualTo(16));
            Assert.That(samples.Together(16, 16), Is.EqualTo(4), "the other prompt waits");
            Assert.That(samples.Together(20, 16), Is.EqualTo(1));
            Assert.That((first.shape[1], last.shape[1]), Is.EqualTo((18, 22)), "a pass ends before its last token");
        });
    }

    // What activations are like is counted as passes are made; a later pass reads the tokens of an earlier one again.
    [TestCase(16)]
    [TestCase(3)]
    public void UnitsAreCountedOncePerPrompt(int most)
    {
        using PromptSamples samples = new(BytePairs(), [Continued("a", [0, 1, 2], [.. Enumerable.Range(3, 20)]), Continued("b", [0, 1], [7])]);
        List<long> counted = [];
        for (int first = 0, count; first < samples.Count; first += count)
        {
            count = samples.Together(first, most);
            using Tensor batch = samples.Batch(first, count);
            if (!samples.IsReadAgain(first, count))
                counted.Add(batch.shape[1]);
        }

        Assert.That(counted, Is.EqualTo(new[] { 22L, 2 }));
    }

    [Test]
    public async Task FiguresOfLayersDoNotDependOnThePasses()
    {
        using TemporaryFolder folder = new();
        string[] command = ["explain", "-m", "stories260k", "--text", Story, "--generate", "5", "--layers", "model.layers.0.mlp.down_proj,lm_head", "-o", folder.Path];
        (_, string few, _) = await Command.Run([.. command, "--batch", "2"]);
        (_, string all, _) = await Command.Run(command);
        string[] table = [.. all.Split('\n').TakeWhile(line => line.Length > 0)];
        Assert.Multiple(() =>
        {
            Assert.That(table, Has.Length.EqualTo(4));
            Assert.That(table[0], Does.StartWith("layers: mean over 5 explained tokens; saturated: share of all units, each counted once"));
            Assert.That(table[3], Does.StartWith("lm_head").And.Contain(" 1.0000"));
            Assert.That(few.Split('\n').TakeWhile(line => line.Length > 0), Is.EqualTo(table));
        });
    }

    [Test]
    public async Task TokensAreExplainedTheSameInSmallPasses()
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run("explain", "-m", "stories260k", "--text", Story, "--generate", "5", "--batch", "2", "-o", folder.Path, "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        (_, string together, _) = await Command.Run("explain", "-m", "stories260k", "--text", Story, "--generate", "5", "-o", folder.Path, "--json");
        JsonElement[] few = Explanations(output), all = Explanations(together);
        Assert.That(few.Select(Class), Is.EqualTo(all.Select(Class)));
        for (int k = 0; k < all.Length; k++)
            Assert.That(Shares(few[k]), Is.EqualTo(Shares(all[k])).Within(1e-5));
    }

    [Test]
    public async Task TokensForWhichTheModelHasNoRoomAreNamed()
    {
        using TemporaryFolder folder = new();
        string text = string.Concat(Enumerable.Repeat("a ", 508));
        (int code, string output, string error) = await Command.Run("explain", "-m", "stories260k", "--text", text, "--generate", "20", "-o", folder.Path, "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(error, Does.Contain($"text 1: {Explanations(output).Length} of 20 tokens were generated").And.Contain("512"));
    }

    [Test]
    public async Task GeneratedTokensAreAMatrix()
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run("explain", "-m", "stories260k", "--text", Story, "The cat", "--generate", "4", "-o", folder.Path, "--mode", "contrastive");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        string matrix = File.ReadAllText(folder.File("matrix-1.svg")), page = File.ReadAllText(folder.File("index.html"));
        int prompt = 9;
        Assert.Multiple(() =>
        {
            Assert.That(matrix.Split("<title>").Length - 1, Is.EqualTo(4 * prompt + 6));
            Assert.That(matrix, Does.Contain("little from a: "));
            Assert.That(File.Exists(folder.File("matrix-2.svg")));
            Assert.That(page, Does.Contain("aria-label=\"Once upon a time, there was a little girl\""));
            Assert.That(output, Does.Contain("text 1, token 4").And.Contain("text 2, token 1").And.Contain("opposing: "));
        });
    }

    [Test]
    public async Task PagesOfLongTextsStaySmall()
    {
        using TemporaryFolder folder = new();
        string text = string.Concat(Enumerable.Repeat("a ", 500));
        (int code, _, string error) = await Command.Run(["explain", "-m", "stories260k", "--text", .. Enumerable.Repeat(text, 6), "--generate", "10", "-o", folder.Path]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        string page = File.ReadAllText(folder.File("index.html"));
        Assert.Multiple(() =>
        {
            Assert.That(page.Split("<svg class=\"matrix\"").Length - 1, Is.EqualTo(4));
            Assert.That(page, Does.Contain("The first 4 of 6 texts; the others are beside this page, up to <a href=\"matrix-6.svg\">"));
            Assert.That(File.Exists(folder.File("matrix-6.svg")));
        });
    }

    [TestCase("generating tokens for text 2", "text 2: not all of what was generated was explained. 2 tokens:", 12)]
    [TestCase("explaining", "text 1: not all of what was generated was explained. 12 tokens:", 0)]
    public void WhatWasGeneratedIsSaidWhereItIsNotExplained(string during, string said, int kept)
    {
        using TemporaryFolder folder = new();
        using CancellationTokenSource cancellation = new();
        ExplainRequest request = new("stories260k", [], folder.Path) { Texts = [Story, "The cat"], Generate = 12 };
        using ResultFolder files = new(request.Output, []);
        List<string> warnings = [];
        Assert.That(() => ExplainRun.Run(request, files, warnings.Add, Stop, cancellation.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.Multiple(() =>
        {
            Assert.That(warnings.Single(), Does.Contain(said).And.EndWith("\""));
            Assert.That(files.Kept, Is.EqualTo(new KeptInputs("explained.csv", kept, 24, kept > 0 ? 1 : null)));
            Assert.That(Directory.GetFiles(folder.Path, "relevance*.safetensors"), Has.Length.EqualTo(kept));
        });

        void Stop(string doing, double done, int all)
        {
            if (doing != during)
                return;
            // Explaining, it is in the middle of the first pass.
            if (done >= (doing == "explaining" ? 0.5 : 2))
                cancellation.Cancel();
        }
    }

    [Test]
    public void APromptIsExplainedBeforeTheNextOneIsContinued()
    {
        List<string> phases = Phases([Story, "The cat", "A"], out Exception? failure);
        Assert.That(failure, Is.Null);
        Assert.That(phases.SkipWhile(doing => !doing.StartsWith("generating", StringComparison.Ordinal)), Is.EqualTo(new[]
        {
            "generating tokens for text 1", "explaining", "generating tokens for text 2", "explaining", "generating tokens for text 3", "explaining",
        }));
    }

    [Test]
    public void APromptThatCannotBeUsedIsFoundBeforeAnyIsContinued()
    {
        List<string> phases = Phases([Story, string.Concat(Enumerable.Repeat("a ", 600))], out Exception? failure);
        Assert.That(failure, Is.InstanceOf<InvalidInputException>().With.Message.Contains("text 2"));
        Assert.That(phases, Has.None.StartsWith("generating"));
    }

    [Test]
    public void InputsProveToBeFewerWhereTextsEnd()
    {
        Prompt ended = new(new TextLine("a", null, 1), [0, 1, 2], 20, [3, 4, 5]), whole = new(new TextLine("b", null, 2), [0, 1], 20, [.. Enumerable.Range(3, 20)]);
        using PromptSamples samples = new(BytePairs(), [ended, whole]);
        Assert.That((samples.Count, samples.Passes(16), samples.HasGenerated), Is.EqualTo((40, 4, true)));
        samples.Prepare(0);
        Assert.That((samples.Count, samples.Passes(16), samples.Together(0, 16), samples.RowAfter(3)), Is.EqualTo((23, 3, 3, 1)));
        Assert.That(samples.IsReadAgain(0, 3), Is.False);
        samples.Prepare(2);
        Assert.That(whole.Generated, Is.Empty, "it is not its turn");
        samples.Prepare(3);
        Assert.That((samples.Count, samples.Passes(16), samples.Together(3, 16), samples.Row(3)), Is.EqualTo((23, 3, 16, 1)));
    }

    [Test]
    public async Task TextsThatEndEarlyAreExplainedToTheirEnds()
    {
        using TemporaryFolder folder = new();
        foreach (string file in new[] { "model.safetensors", "tokenizer.bin" })
            File.Copy(Assets.Path("models", "stories260k", file), folder.File(file));
        using (ModelPackage free = ModelPackage.Load("stories260k"))
        {
            // Where sentences end, so do texts.
            long full = free.PromptTokenizer!.Tokenize("a.").Ids[^1];
            folder.Write("config.json", File.ReadAllText(Assets.Path("models", "stories260k", "config.json")).Replace("\"eos_token_id\": 2", $"\"eos_token_id\": {full}", StringComparison.Ordinal));
        }

        string[] texts = [Story, "The cat", "Tom"];
        (int code, string output, string error) = await Command.Run(["explain", "-m", folder.Path, "--text", .. texts, "--generate", "60", "-o", folder.File("all"), "--json"]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        List<JsonElement> single = [];
        foreach (string text in texts)
        {
            (_, string one, _) = await Command.Run("explain", "-m", folder.Path, "--text", text, "--generate", "60", "-o", folder.File("one"), "--json");
            single.AddRange(Explanations(one));
        }

        JsonElement[] all = Explanations(output);
        Assert.Multiple(() =>
        {
            Assert.That(all, Has.Length.InRange(4, 179));
            Assert.That(all.Select(Class), Is.EqualTo(single.Select(Class)));
            Assert.That(all.Select(Shares), Is.EqualTo(single.Select(Shares)));
            Assert.That(Directory.GetFiles(folder.File("all"), "relevance-*.safetensors"), Has.Length.EqualTo(all.Length));
            Assert.That(File.ReadAllLines(Path.Combine(folder.File("all"), "explained.csv")), Has.Length.EqualTo(all.Length + 1));
        });
    }

    [Test]
    public async Task AnyTokenCanBeTheTarget()
    {
        using TemporaryFolder folder = new();
        (int code, string output, string error) = await Command.Run("explain", "-m", "stories260k", "--text", Story, "--target", "big", "-o", folder.Path);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        Assert.That(output, Does.Contain("explained: big"));
    }

    // Networks have room for more tokens than tokenizers know.
    [Test]
    public async Task TokensThatTheTokenizerDoesNotKnowAreShownAsNumbers()
    {
        using TemporaryFolder folder = new();
        foreach (string file in new[] { "config.json", "model.safetensors" })
            File.Copy(Assets.Path("models", "stories260k", file), folder.File(file));
        folder.Write("tokenizer.json", TokenizerFile.Create().ToJsonString());
        string[] arguments = ["explain", "-m", folder.Path, "--text", "in the thing", "-o", folder.File("out"), "--json"];
        (int code, string output, string error) = await Command.Run([.. arguments, "--generate", "20"]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        JsonElement[] chosen = [.. Explanations(output).Select(e => e.GetProperty("prediction"))], unknown = [.. chosen.Where(c => c.GetProperty("index").GetInt32() > TokenizerFile.End)];
        Assert.That(unknown, Is.Not.Empty);
        Assert.That(unknown.Select(c => c.GetProperty("class").GetString()), Is.EqualTo(unknown.Select(c => $"<{c.GetProperty("index").GetInt32()}>")));
        (code, _, error) = await Command.Run([.. arguments, "--target", "<|end|>"]);
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        (code, _, error) = await Command.Run([.. arguments, "--target", "unheard"]);
        Assert.That(code, Is.EqualTo(ExitCodes.Usage), error);
    }

    // A vocabulary is large: its logits at all positions, for each token again, would fill memory and disk.
    [Test]
    public void ATokenKeepsAFewScoresAndItsOwnLogits()
    {
        using TemporaryFolder folder = new();
        ExplainRequest request = new("stories260k", [], folder.Path) { Texts = [Story], Generate = 4 };
        using ResultFolder files = new(request.Output, []);
        ExplainResult result = ExplainRun.Run(request, files, _ => { }, (_, _, _) => { }, default);
        using Samples samples = result.Samples;
        using Explanation saved = Explanation.Load(folder.File(result.Batches[^1].File));
        Assert.Multiple(() =>
        {
            Assert.That(result.Explained.Select(e => e.Scores.Count), Is.All.EqualTo(Answers.Alternatives));
            Assert.That(saved.Prediction.shape, Is.EqualTo(new long[] { 1, 1, 512 }));
            Assert.That(saved.Prediction.max().item<float>(), Is.EqualTo(result.Explained[^1].Predicted.Output));
        });
    }

    private static BytePairTokenizer BytePairs()
    {
        using TemporaryFolder folder = new();
        return BytePairTokenizer.Read(folder.Write("tokenizer.json", TokenizerFile.Create().ToJsonString()));
    }

    // What a run tells a person who waits, and why it failed.
    private static List<string> Phases(IReadOnlyList<string> texts, out Exception? failure)
    {
        using TemporaryFolder folder = new();
        ExplainRequest request = new("stories260k", [], folder.Path) { Texts = texts, Generate = 3 };
        using ResultFolder files = new(request.Output, []);
        List<string> phases = [];
        failure = null;
        try
        {
            ExplainRun.Run(request, files, _ => { }, (doing, _, _) =>
            {
                if (phases.Count == 0 || phases[^1] != doing)
                    phases.Add(doing);
            }, default).Samples.Dispose();
        }
        catch (InvalidInputException e)
        {
            failure = e;
        }

        return phases;
    }

    private static Prompt Continued(string text, IReadOnlyList<long> ids, IReadOnlyList<long> generated)
    {
        Prompt prompt = new(new TextLine(text, null, 1), ids, generated.Count, generated);
        prompt.Complete();
        return prompt;
    }

    private static JsonElement[] Explanations(string json) => [.. JsonDocument.Parse(json).RootElement.GetProperty("explanations").EnumerateArray()];

    private static string Class(JsonElement e) => e.GetProperty("target").GetProperty("class").GetString()!;

    private static double[] Shares(JsonElement e) => [.. e.GetProperty("tokens").EnumerateArray().Select(t => t.GetProperty("relevance").GetDouble())];
}
