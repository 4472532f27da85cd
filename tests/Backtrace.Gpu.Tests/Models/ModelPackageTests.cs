using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Models;

public sealed class ModelPackageTests
{
    private const string Good = """
        {
          "title": "t",
          "classes": ["a", "b"],
          "architecture": { "sizes": [3, 2], "layers": ["fc1"], "kind": "mlp" },
          "preprocessing": { "kind": "image", "width": 3, "height": 1, "channels": 1, "mean": [0], "std": [1], "flatten": true }
        }
        """;

    [Test]
    public void TheBuiltInModelsLoadByName()
    {
        Assert.That(ModelFolders.Names(), Is.SupersetOf(new[] { "lending-mlp", "mnist-mlp", "resnet20", "resnet56" }));
        foreach (string name in ModelFolders.Names())
        {
            using ModelPackage model = ModelPackage.Load(name);
            Assert.That(model.Name, Is.EqualTo(name));
            Assert.That(model.Module.training, Is.False);
            Assert.That(model.Module.modules().All(m => !m.training));
        }
    }

    [Test]
    public void WeightsThatCannotBeOpenedAreAFaultOfTheModel()
    {
        using TemporaryFolder folder = Folder(Good);
        string weights = folder.File(ModelPackage.WeightsFile);
        File.Delete(weights);
        File.CreateSymbolicLink(weights, folder.File("gone"));
        Assert.That(() => ModelPackage.Load(folder.Path), Throws.InstanceOf<ModelException>().With.Message.Contains(weights));
    }

    [Test]
    public void AFileInTheFolderIsNotTheModel()
    {
        using TemporaryFolder folder = Folder(Good);
        string weights = folder.File(ModelPackage.WeightsFile);
        Assert.That(() => ModelPackage.Load(weights), Throws.InstanceOf<ModelException>().With.Message.StartsWith($"{weights}: is a file").And.Message.Contains("folder"));
    }

    [Test]
    public void AFolderLoadsAndItsDescriptionRoundTrips()
    {
        using TemporaryFolder folder = Folder(Good);
        using ModelPackage model = ModelPackage.Load(folder.Path);
        model.Description.Write(folder.File("again.json"));
        ModelDescription again = ModelDescription.Read(folder.File("again.json"));
        again.Write(folder.File("third.json"));
        Assert.That(File.ReadAllText(folder.File("third.json")), Is.EqualTo(File.ReadAllText(folder.File("again.json"))));
        Assert.That(again.Architecture, Is.TypeOf<MlpArchitecture>());
    }

    [TestCase("\"title\"", "\"titel\"", "titel")]
    [TestCase("\"mlp\"", "\"transformer\"", "transformer")]
    [TestCase("\"kind\": \"mlp\"", "\"depth\": 3", "not a valid model description")]
    [TestCase("[3, 2]", "[4, 2]", "preprocessing makes 3 numbers, the network takes 4")]
    [TestCase("[3, 2]", "[3, 3]", "2 class names for 3 outputs")]
    [TestCase("[3, 2]", "[2]", "sizes")]
    [TestCase("[3, 2]", "[3, -2]", "sizes")]
    [TestCase("[3, 2]", "[2000000000, 2000000000]", "weights")]
    [TestCase("[3, 2]", "[40000, 40000]", "the sizes make about 1,600,000,000 weights")]
    [TestCase("[3, 2]", "[3, 2.5]", "not a valid model description")]
    [TestCase("[\"fc1\"]", "[\"fc1\", \"fc2\"]", "needs 1 name, not 2")]
    [TestCase("[\"fc1\"]", "[\"a.b\"]", "dots, not [a.b]")]
    [TestCase("[3, 2], \"layers\": [\"fc1\"]", "[3, 2, 2], \"layers\": [\"a\", \"a_activation\"]", "must not be called a_activation")]
    [TestCase("[3, 2]", "[\"3\", 2]", "$.architecture.sizes[0]")]
    [TestCase("[3, 2]", "[3, 2], \"activation\": \"swish\"", "$.architecture.activation: 'swish' is none of none, relu, sigmoid")]
    [TestCase("[3, 2]", "[3, 2], \"activation\": 3", "is none of none, relu, sigmoid")]
    [TestCase("\"std\": [1]", "\"std\": [0]", "std positive")]
    [TestCase("\"mean\": [0]", "\"mean\": []", "one number per channel")]
    [TestCase("\"channels\": 1", "\"channels\": 2", "channels")]
    [TestCase("\"flatten\": true", "\"flatten\": false", "set flatten")]
    [TestCase("\"width\": 3", "\"width\": -3", "image size")]
    [TestCase("\"layers\": [\"fc1\"], ", "", "layers")]
    [TestCase("[\"a\", \"b\"]", "null", "classes")]
    [TestCase("[\"a\", \"b\"]", "[\"a\", null]", "a class has no name")]
    [TestCase("{", "", "not a valid model description")]
    public void DescriptionsThatMakeNoSenseAreRefused(string part, string replacement, string problem)
    {
        int at = Good.IndexOf(part, StringComparison.Ordinal);
        using TemporaryFolder folder = Folder(Good.Remove(at, part.Length).Insert(at, replacement));
        ModelException e = Assert.Throws<ModelException>(() => ModelPackage.Load(folder.Path))!;
        Assert.That(e.Message, Does.Contain(problem).IgnoreCase.And.Contain("model.json"));
    }

    [TestCase("lstm", "{ \"kind\": \"lstm\", \"sizes\": { \"vocabulary\": 100000, \"embedding\": 1000, \"hidden\": 10, \"classes\": 2 } }", "about 100,040,400")]
    [TestCase("lstm-language-model", "{ \"kind\": \"lstm-language-model\", \"vocabulary\": 10, \"embedding\": 10, \"hidden\": 2000, \"layers\": 1 }", "about 16,100,100")]
    [TestCase("unet", "{ \"kind\": \"unet\", \"channels\": 1, \"widths\": [1000, 1000], \"classes\": 2 }", "about 54,009,000")]
    public void NetworksFarLargerThanTheirWeightsAreRefused(string kind, string architecture, string problem)
    {
        using TemporaryFolder folder = Folder(Good.Replace("""{ "sizes": [3, 2], "layers": ["fc1"], "kind": "mlp" }""", architecture, StringComparison.Ordinal));
        Assert.That(() => ModelPackage.Load(folder.Path), Throws.InstanceOf<ModelException>().With.Message.Contains(problem).And.Message.Contains(folder.File("model.safetensors") + " holds 8"), kind);
    }

    [TestCase("{ \"kind\": \"lstm\", \"sizes\": { \"vocabulary\": 6, \"embedding\": 4, \"hidden\": -1, \"classes\": 2 } }", "architecture: hidden -1 is not between 1 and 1048576.")]
    [TestCase("{ \"kind\": \"lstm\", \"sizes\": { \"vocabulary\": 6, \"embedding\": 4, \"hidden\": 3, \"classes\": 2, \"layers\": 0 } }", "architecture: layers 0 is not between 1 and 1000.")]
    [TestCase("{ \"kind\": \"lstm-language-model\", \"vocabulary\": 10, \"embedding\": 10, \"hidden\": 2, \"layers\": 2000 }", "architecture: layers 2000 is not between 1 and 1000.")]
    [TestCase("{ \"kind\": \"unet\", \"channels\": 1, \"widths\": [2, -3], \"classes\": 2 }", "architecture: widths -3 is not between 1 and 4096.")]
    [TestCase("{ \"kind\": \"cifar-resnet\", \"depth\": 21, \"classes\": 2 }", "architecture: A CIFAR ResNet has 6n+2 layers, not 21.")]
    public void SizesThatMakeNoSenseAreNamed(string architecture, string problem)
    {
        using TemporaryFolder folder = Folder(Good.Replace("""{ "sizes": [3, 2], "layers": ["fc1"], "kind": "mlp" }""", architecture, StringComparison.Ordinal));
        Assert.That(() => ModelPackage.Load(folder.Path), Throws.InstanceOf<ModelException>().With.Message.EqualTo($"{folder.File("model.json")}: {problem}"));
    }

    [Test]
    public void AConfigurationFarLargerThanItsWeightsIsRefused()
    {
        using TemporaryFolder folder = Folder(Good);
        File.Delete(folder.File("model.json"));
        folder.Write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n");
        folder.Write("config.json", """{ "model_type": "bert", "hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1, "vocab_size": 1000000 }""");
        Assert.That(() => ModelPackage.Load(folder.Path), Throws.InstanceOf<ModelException>().With.Message.Contains("about 8,0").And.Message.StartsWith(folder.File("config.json")));
    }

    [TestCase("[null]", "[\"a\", \"b\"]", "empty one")]
    [TestCase("[{ \"kind\": \"numeric\", \"name\": \"x\", \"mean\": 0, \"std\": 1 }]", "[\"a\", null]", "two distinct classes")]
    [TestCase("[{ \"kind\": \"numeric\", \"name\": \"x\", \"mean\": 0, \"std\": 1 }]", "[\"a\", \"b\", \"a\"]", "two distinct classes")]
    public void TablesWithEmptyEntriesAreRefused(string columns, string classes, string problem)
    {
        int at = Good.IndexOf("\"preprocessing\"", StringComparison.Ordinal);
        using TemporaryFolder folder = Folder(Good[..at] + $$"""
            "preprocessing": { "kind": "tabular", "columns": {{columns}}, "target": "t", "classes": {{classes}} } }
            """);
        Assert.That(() => ModelPackage.Load(folder.Path), Throws.InstanceOf<ModelException>().With.Message.Contains(problem));
    }

    [Test]
    public void AFurtherFolderOfModelsIsSearchedFirst()
    {
        using TemporaryFolder models = new();
        using TemporaryFolder one = Folder(Good);
        Directory.Move(one.Path, models.File("mine"));
        Directory.CreateDirectory(one.Path);
        string? before = Environment.GetEnvironmentVariable(ModelFolders.Variable);
        try
        {
            Environment.SetEnvironmentVariable(ModelFolders.Variable, models.Path);
            Assert.That(ModelFolders.Names(), Does.Contain("mine").And.Contain("resnet20"));
            using ModelPackage model = ModelPackage.Load("mine");
            Assert.That(model.Folder, Is.EqualTo(models.File("mine")));
        }
        finally
        {
            Environment.SetEnvironmentVariable(ModelFolders.Variable, before);
        }
    }

    [Test]
    public void MissingAndDamagedPartsAreNamed()
    {
        using TemporaryFolder folder = Folder(Good);
        File.WriteAllText(folder.File("model.safetensors"), "junk");
        Assert.That(() => ModelPackage.Load(folder.Path), Throws.InstanceOf<SafeTensorsException>());
        File.Delete(folder.File("model.safetensors"));
        Assert.That(() => ModelPackage.Load(folder.Path), Throws.InstanceOf<ModelException>().With.Message.Contains("model.safetensors"));
        File.Delete(folder.File("model.json"));
        Assert.That(() => ModelPackage.Load(folder.Path), Throws.InstanceOf<ModelException>().With.Message.Contains("model.json"));
        Assert.That(() => ModelPackage.Load("no-such-model"), Throws.InstanceOf<ModelException>().With.Message.Contains("resnet20"));
    }

    private static TemporaryFolder Folder(string json)
    {
        TemporaryFolder folder = new();
        folder.Write("model.json", json);
        using Mlp mlp = new([3, 2]);
        StateDict.Save(mlp, folder.File("model.safetensors"));
        return folder;
    }
}
