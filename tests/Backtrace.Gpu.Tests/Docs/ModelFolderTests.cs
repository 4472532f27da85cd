using System.Text.RegularExpressions;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Docs;

/// <summary>The descriptions of docs/model-folders.md are read, and make the networks that it says.</summary>
public sealed partial class ModelFolderTests
{
    [TestCase(0, "layer4.2.bn3.running_var", new long[] { 2048 })]
    [TestCase(1, "fc1.weight", new long[] { 16, 4 })]
    public void DescriptionsMakeNetworks(int number, string weight, long[] shape)
    {
        using TemporaryFolder folder = new();
        ModelDescription description = ModelDescription.Read(folder.Write("model.json", Example(number)));
        using nn.Module<Tensor, Tensor> network = description.Architecture.Create();
        Assert.Multiple(() =>
        {
            Assert.That(network.state_dict()[weight].shape, Is.EqualTo(shape));
            Assert.That(network.parameters().Select(p => p.shape).First(s => s.Length > 1)[1], Is.EqualTo(description.Preprocessing.InputSize is { } inputs && number == 1 ? inputs : 3));
        });
    }

    [Test]
    public void ADescriptionStandsBesideATorchScriptFile()
    {
        using TemporaryFolder folder = new();
        folder.Write("model.json", Example(2));
        using TorchSharp.Modules.Linear layer = nn.Linear(3, 2);
        ScriptArchive.Write(folder.File("model.pt"), ScriptModuleText.Of("Network", layer, "torch.linear(torch.mean(x, [2, 3]), self.weight, self.bias)"));
        using ModelPackage package = ModelPackage.Load(folder.Path);
        using Tensor picture = ones(1, 3, 224, 224), scores = package.Module.call(picture);
        Assert.That(scores.shape, Is.EqualTo(new long[] { 1, package.Description.Classes.Count }));
    }

    private static string Example(int number) => Description().Matches(File.ReadAllText(Path.Combine(DocumentTests.Root, "docs", "model-folders.md")))[number].Groups[1].Value;

    [GeneratedRegex(@"^```json\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Description();
}
