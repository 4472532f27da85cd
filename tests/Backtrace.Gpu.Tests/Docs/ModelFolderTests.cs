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
        string text = Description().Matches(File.ReadAllText(Path.Combine(DocumentTests.Root, "docs", "model-folders.md")))[number].Groups[1].Value;
        ModelDescription description = ModelDescription.Read(folder.Write("model.json", text));
        using nn.Module<Tensor, Tensor> network = description.Architecture.Create();
        Assert.Multiple(() =>
        {
            Assert.That(network.state_dict()[weight].shape, Is.EqualTo(shape));
            Assert.That(network.parameters().Select(p => p.shape).First(s => s.Length > 1)[1], Is.EqualTo(description.Preprocessing.InputSize is { } inputs && number == 1 ? inputs : 3));
        });
    }

    [GeneratedRegex(@"^```json\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Description();
}
