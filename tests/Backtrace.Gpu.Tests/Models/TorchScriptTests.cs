using System.Text.Json;
using Backtrace.Gpu.Cli;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Cli;
using Backtrace.Gpu.Tests.Engine;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using Mode = Backtrace.Gpu.Kernels.Rules.Mode;

namespace Backtrace.Gpu.Tests.Models;

/// <summary>Folders whose network is a TorchScript file.</summary>
public sealed class TorchScriptTests
{
    private const string OneToOne = ScriptModuleText.OneToOne;

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
    public async Task AClassThatTheModelExcludesHasNoChance()
    {
        using TemporaryFolder folder = new();
        Describe(folder, "logits");
        using Linear hidden = Constant(2, 4, 1, 10), head = Constant(4, 2, 0.1f, 0, -100);
        Write(folder, hidden, head, "torch.log(torch.relu({0}))");
        (int code, string output, string error) = await Command.Run("explain", "-m", folder.Path, "-i", folder.Write("loans.csv", Table), "-o", folder.File("out"), "--json");
        Assert.That(code, Is.EqualTo(ExitCodes.Ok), error);
        JsonElement first = JsonDocument.Parse(output).RootElement.GetProperty("explanations")[0];
        Assert.That(first.GetProperty("outputs")[1].ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(first.GetProperty("probabilities").EnumerateArray().Select(p => p.GetDouble()), Is.EqualTo(new double[] { 1, 0 }));
    }

    [Test]
    public async Task ARowThatTheModelCannotComputeIsNamed([Values(1, 2)] int batch)
    {
        using TemporaryFolder folder = new();
        Describe(folder, "logits");
        using Linear hidden = Constant(2, 4, 1, 10), head = Constant(4, 2, 0.1f, -0.5f, -0.6f);
        Write(folder, hidden, head, "torch.log({0})");
        string table = folder.Write("loans.csv", Table + "-9000000,36,paid\n");
        (int code, _, string error) = await Command.Run("explain", "-m", folder.Path, "-i", table, "--rows", "1-", "-o", folder.File("out"), "--batch", $"{batch}");
        Assert.That(code, Is.EqualTo(ExitCodes.Model));
        Assert.That(error, Does.Contain("error: row 3: The model's output holds NaN or infinity."));
        (code, _, error) = await Command.Run("explain", "-m", folder.Path, "-i", table, "-o", folder.File("out"), "--batch", $"{batch * 2}");
        Assert.That(code, Is.EqualTo(ExitCodes.Model));
        Assert.That(error, Does.Contain($"error: row 3 (sample {batch * 2 - 1} of its pass): The model's output holds NaN or infinity, in sample "));
    }

    [Test]
    public void ATracedResNetIsExplainedAsTheNetworkItselfIs([Values] Mode mode)
    {
        using TemporaryFolder folder = new();
        using ModelPackage package = ModelPackage.Load("resnet20");
        using TorchScriptNetwork traced = TorchScriptNetwork.Load(ScriptArchive.Write(folder.File("model.pt"), Traced(package.Module)));
        using ImageInput photo = ((ImagePreprocessing)package.Description.Preprocessing).Read(Assets.Path("cifar10", "cifar10_00_3.png"));
        BacktracerOptions options = new() { Mode = mode, Layers = ["layer2.0.conv1", "linear"] };
        using Backtracer ofNetwork = new(package.Module, options: options), ofScript = new(traced, options: options);
        using Explanation expected = ofNetwork.Explain(photo.Values, Target.Argmax()), actual = ofScript.Explain(photo.Values, Target.Argmax());
        foreach ((RelevanceStream a, RelevanceStream e) in actual.Streams.Zip(expected.Streams))
        {
            Explaining.AssertSame(a.Input, e.Input, 1e-5);
            foreach (string layer in options.Layers)
                Explaining.AssertSame(a[layer], e[layer], 1e-5, layer);
        }
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

    private static Linear Constant(int inputs, int outputs, float weight, params float[] bias)
    {
        Linear layer = Linear(inputs, outputs);
        using var quiet = no_grad();
        layer.weight.fill_(weight);
        using Tensor values = tensor(bias);
        layer.bias!.copy_(values);
        return layer;
    }

    private static void Write(TemporaryFolder folder, Linear hidden, Linear head, string result) => ScriptArchive.Write(folder.File("model.pt"), new(
        "Network", OneToOne, $"return {string.Format(null, result, "(self.head).forward(torch.relu((self.hidden).forward(x, )), )")}",
        ("hidden", ScriptModuleText.Of("Hidden", hidden, "torch.linear(x, self.weight, self.bias)")),
        ("head", ScriptModuleText.Of("Head", head, "torch.linear(x, self.weight, self.bias)"))));

    // The CIFAR ResNet as torch.jit.trace writes it.
    private static ScriptModuleText Traced(nn.Module network)
    {
        Dictionary<string, nn.Module> parts = network.named_modules().ToDictionary(m => m.name, m => m.module);
        ScriptModuleText Convolution(string name, int stride) => ScriptModuleText.Of(
            $"Conv{stride}", parts[name], $"torch._convolution(x, self.weight, None, [{stride}, {stride}], [1, 1], [1, 1], False, [0, 0], 1, False, False, True, True)");
        ScriptModuleText Norm(string name) => ScriptModuleText.Of("Norm", parts[name], "torch.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, False, 0.10000000000000001, 1.0000000000000001e-05, True)");

        ScriptModuleText Block(int stage, int number)
        {
            string name = $"layer{stage}.{number}";
            bool widens = stage > 1 && number == 0;
            int added = 4 << (stage - 1);
            string thinned = "torch.slice(torch.slice(x, 2, 0, 9223372036854775807, 2), 3, 0, 9223372036854775807, 2)";
            return new(
                widens ? $"Widening{stage}" : "Block", OneToOne,
                $"""
                h = torch.relu_((self.bn1).forward((self.conv1).forward(x, ), ))
                y = (self.bn2).forward((self.conv2).forward(h, ), )
                return torch.relu_(torch.add_(y, {(widens ? $"torch.constant_pad_nd({thinned}, [0, 0, 0, 0, {added}, {added}], 0.)" : "x")}, alpha=1))
                """,
                ("conv1", Convolution($"{name}.conv1", widens ? 2 : 1)), ("bn1", Norm($"{name}.bn1")), ("conv2", Convolution($"{name}.conv2", 1)), ("bn2", Norm($"{name}.bn2")));
        }

        ScriptModuleText Stage(int stage) => new(
            $"Stage{stage}", OneToOne, "return (getattr(self, \"2\")).forward((getattr(self, \"1\")).forward((getattr(self, \"0\")).forward(x, ), ), )", [.. Enumerable.Range(0, 3).Select(k => ($"{k}", (object)Block(stage, k)))]);

        return new(
            "ResNet", OneToOne,
            """
            h = torch.relu_((self.bn1).forward((self.conv1).forward(x, ), ))
            h = (self.layer3).forward((self.layer2).forward((self.layer1).forward(h, ), ), )
            p = torch.adaptive_avg_pool2d(h, [1, 1])
            return (self.linear).forward(torch.view(p, [torch.size(p, 0), -1]), )
            """,
            ("conv1", Convolution("conv1", 1)), ("bn1", Norm("bn1")), ("layer1", Stage(1)), ("layer2", Stage(2)), ("layer3", Stage(3)),
            ("linear", ScriptModuleText.Of("Head", parts["linear"], "torch.linear(x, self.weight, self.bias)")));
    }

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
