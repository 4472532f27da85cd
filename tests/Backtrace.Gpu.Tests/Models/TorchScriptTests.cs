using System.Text.Json;
using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Cli;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Tests.Models;

/// <summary>Folders whose network is a TorchScript file.</summary>
public sealed class TorchScriptTests
{
    private const string Table = "income,term,status\n50000,36,paid\n20000,60,defaulted\n90000,36,paid\n";

    [Test]
    public async Task AFolderIsExplainedByTheCommand([Values("logits", "probabilities", "labels", "values")] string meaning)
    {
        using TemporaryFolder folder = new();
        Describe(folder, meaning);
        using Linear hidden = Linear(2, 4), head = Linear(4, 2);
        Write(folder, hidden, head, meaning == "probabilities" ? "torch.softmax({0}, 1)" : "{0}");
        (int code, string output, string error) = await Command.Run("explain", "-m", folder.Path, "-i", folder.Write("loans.csv", Table), "-o", folder.File("out"), "--layers", "hidden", "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        JsonElement[] explanations = [.. JsonDocument.Parse(output).RootElement.GetProperty("explanations").EnumerateArray()];
        using Tensor x = tensor(new float[] { 0, -1, -1, 1, 4f / 3, -1 }, [3, 2]), logits = head.call(hidden.call(x).relu());
        float[] expected = (meaning == "probabilities" ? logits.softmax(1) : logits)[0].data<float>().ToArray();
        Assert.Multiple(() =>
        {
            Assert.That(explanations, Has.Length.EqualTo(3));
            Assert.That(explanations[0].GetProperty("outputs").EnumerateArray().Select(e => e.GetSingle()), Is.EqualTo(expected).Within(1e-5));
            JsonElement probabilities = explanations[0].GetProperty("probabilities");
            Assert.That(probabilities.ValueKind, Is.EqualTo(meaning == "values" ? JsonValueKind.Null : JsonValueKind.Array));
            if (meaning is "logits" or "probabilities")
                Assert.That(probabilities.EnumerateArray().Sum(p => p.GetDouble()), Is.EqualTo(1).Within(1e-5));
            if (meaning == "probabilities")
                Assert.That(probabilities.EnumerateArray().Select(e => e.GetSingle()), Is.EqualTo(expected).Within(1e-5));
            Assert.That(JsonDocument.Parse(output).RootElement.GetProperty("layers")[0].GetProperty("layer").GetString(), Is.EqualTo("hidden"));
        });
    }

    [Test]
    public void PartsHaveTheNamesThatTheyHadInPython()
    {
        using TemporaryFolder folder = new();
        Describe(folder, "logits");
        using Linear hidden = Linear(2, 4), head = Linear(4, 2);
        Write(folder, hidden, head, "{0}");
        using ModelPackage package = ModelPackage.Load(folder.Path);
        Assert.Multiple(() =>
        {
            Assert.That(package.Module.named_parameters().Select(p => p.name), Is.EqualTo(new[] { "hidden.weight", "hidden.bias", "head.weight", "head.bias" }));
            Assert.That(package.Module.named_modules().Select(m => m.name), Is.EqualTo(new[] { "hidden", "head" }));
            Assert.That(package.Module.training, Is.False);
        });
    }

    [TestCase("model.pt", "", "there is no such TorchScript file")]
    [TestCase("model.pt", "no archive", "cannot read it as TorchScript")]
    [TestCase("../model.pt", "", "is not the name of a file in the model folder")]
    public void FilesThatCannotBeReadAreNamed(string file, string contents, string said)
    {
        using TemporaryFolder folder = new();
        Describe(folder, "logits", file);
        if (contents.Length > 0)
            folder.Write(file, contents);
        Assert.That(() => ModelPackage.Load(folder.Path), Throws.TypeOf<ModelException>().With.Message.Contains("model.pt").And.Message.Contains(said));
    }

    [Test]
    public void ATruncatedFileIsNamed()
    {
        using TemporaryFolder folder = new();
        Describe(folder, "logits");
        using Linear hidden = Linear(2, 4), head = Linear(4, 2);
        Write(folder, hidden, head, "{0}");
        byte[] whole = File.ReadAllBytes(folder.File("model.pt"));
        foreach (int length in new[] { 0, 10, whole.Length / 2, whole.Length - 1 })
        {
            folder.Write("model.pt", whole[..length]);
            Assert.That(() => ModelPackage.Load(folder.Path), Throws.TypeOf<ModelException>().With.Message.Contains("model.pt"), $"{length} bytes");
        }
    }

    private static void Write(TemporaryFolder folder, Linear hidden, Linear head, string result) => ScriptArchive.Write(folder.File("model.pt"), new(
        "Network", ScriptModuleText.OneToOne, $"return {string.Format(null, result, "(self.head).forward(torch.relu((self.hidden).forward(x, )), )")}",
        ("hidden", ScriptModuleText.Of("Hidden", hidden, "torch.linear(x, self.weight, self.bias)")),
        ("head", ScriptModuleText.Of("Head", head, "torch.linear(x, self.weight, self.bias)"))));

    private static void Describe(TemporaryFolder folder, string meaning, string file = "model.pt") => folder.Write("model.json", $$"""
        {
          "title": "Loans",
          "architecture": { "kind": "torchscript", "outputs": 2, "meaning": "{{meaning}}", "file": "{{file}}" },
          "preprocessing": {
            "kind": "tabular",
            "columns": [ { "kind": "numeric", "name": "income", "mean": 50000, "std": 30000 }, { "kind": "numeric", "name": "term", "mean": 48, "std": 12 } ],
            "target": "status",
            "classes": [ "paid", "defaulted" ]
          },
          "classes": [ "paid", "defaulted" ]
        }
        """);
}
