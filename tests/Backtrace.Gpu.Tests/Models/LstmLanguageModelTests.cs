using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Engine;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Models;

public sealed class LstmLanguageModelTests
{
    private static readonly string Folder = Assets.Path("models", "shakespeare-lstm");

    [Test]
    public void LogitsEqualTheRecordedOnes()
    {
        using ModelPackage package = ModelPackage.Load("shakespeare-lstm");
        using SafeTensorsFile recorded = SafeTensors.Open(Path.Combine(Folder, "recorded.safetensors"));
        using IDisposable inference = no_grad();
        using Tensor ids = recorded.ToTensor("ids"), logits = package.Module.call(ids);
        Assert.That(logits.shape, Is.EqualTo(recorded["logits"].Shape));
        Assert.That(Deviation.Of(logits.data<float>().ToArray(), recorded.Read<float>("logits")), Is.LessThan(1e-5));
    }

    [Test]
    public void ShakespeareIsLikelyAndItsLettersInAnotherOrderAreNot()
    {
        using ModelPackage package = ModelPackage.Load("shakespeare-lstm");
        string text = File.ReadAllText(Path.Combine(Folder, "sample.txt"));
        char[] shuffled = text.ToCharArray();
        new Random(1).Shuffle(shuffled);
        Assert.That(NatsPerCharacter(package, text), Is.EqualTo(1.31).Within(0.1));
        Assert.That(NatsPerCharacter(package, new string(shuffled)), Is.GreaterThan(3.5));
    }

    [Test]
    public void GreedyTextIsMadeOfTheMostLikelyCharacters()
    {
        using ModelPackage package = ModelPackage.Load("shakespeare-lstm");
        LanguageModel model = (LanguageModel)package.Module;
        TokenizedText prompt = package.PromptTokenizer!.Tokenize("ROMEO:\n");
        long[] all = [.. prompt.Ids, .. model.Generate(prompt.Ids, 30)];
        Assert.That(all, Has.Length.EqualTo(prompt.Ids.Count + 30));
        // One pass over the whole text must choose every character that was added step by step.
        using IDisposable inference = no_grad();
        using Tensor ids = tensor(all, [1, all.Length]), logits = model.call(ids), likely = logits[0].argmax(-1);
        Assert.That(likely.data<long>().ToArray()[(prompt.Ids.Count - 1)..^1], Is.EqualTo(all[prompt.Ids.Count..]));
    }

    [Test]
    public void TheCharactersOfAPromptShareTheRelevance()
    {
        using ModelPackage package = ModelPackage.Load("shakespeare-lstm");
        using Tensor ids = package.PromptTokenizer!.Tokenize("First Citizen:\nBefore we").ToTensor();
        using Backtracer backtracer = new(package.Module);
        using Explanation explanation = backtracer.Explain(ids, Target.NextToken());
        Assert.That(explanation.Input.shape, Is.EqualTo(ids.shape));
        Explaining.AssertConserved(explanation);
    }

    [TestCase("\"vocabulary\": 65", "\"vocabulary\": 64", "the tokenizer has 65 tokens, the network knows 64")]
    [TestCase("\"vocabulary\": 65", "\"vocabulary\": 66", "does not fit")]
    [TestCase("\"hidden\": 128", "\"hidden\": 0", "hidden 0 is not between 1 and")]
    [TestCase("\"hidden\": 128", "\"hidden\": 1000000", "weights")]
    [TestCase("\"layers\": 2", "\"layers\": 3", "lstm.weight_ih_l2")]
    [TestCase("\"classes\": []", "\"classes\": [\"a\"]", "1 class name for 0 outputs")]
    [TestCase("\"file\": \"vocab.json\"", "\"file\": \"../vocab.json\"", "no file of the model folder")]
    [TestCase("\"file\": \"vocab.json\"", "\"file\": \"words.json\"", "no such vocabulary")]
    [TestCase("\"characters\"", "\"letters\"", "not a valid model description")]
    [TestCase("{ \"kind\": \"prompt\", \"tokenizer\": \"characters\", \"file\": \"vocab.json\" }", "{ \"kind\": \"text\", \"maximumLength\": 8 }", "takes prompts")]
    public void DescriptionsThatMakeNoSenseAreRefused(string part, string replacement, string problem)
    {
        using TemporaryFolder folder = new();
        foreach (string name in new[] { "vocab.json", "model.safetensors" })
            File.Copy(Path.Combine(Folder, name), folder.File(name));
        string good = File.ReadAllText(Path.Combine(Folder, "model.json"));
        Assert.That(good, Does.Contain(part));
        folder.Write("model.json", good.Replace(part, replacement, StringComparison.Ordinal));
        Assert.That(() => ModelPackage.Load(folder.Path), Throws.InstanceOf<ModelException>().With.Message.Contains(problem));
    }

    private static float NatsPerCharacter(ModelPackage package, string text)
    {
        using IDisposable inference = no_grad();
        using Tensor ids = package.PromptTokenizer!.Tokenize(text).ToTensor(), logits = package.Module.call(ids);
        using Tensor loss = nn.functional.cross_entropy(logits[0, ..^1], ids[0, 1..]);
        return loss.item<float>();
    }
}
