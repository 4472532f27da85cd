using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Runs;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Tests.Interop;

public sealed class ExplanationFilesTests
{
    [Test]
    public void EverythingComesBackBitForBit()
    {
        using TemporaryFolder folder = new();
        using Explanation saved = Explain();
        saved.Save(folder.File("e"));
        using Explanation back = Explanation.Load(folder.File("e"));
        Assert.Multiple(() =>
        {
            Assert.That(back.Facts, Is.EqualTo(saved.Facts));
            Assert.That(back.Inputs, Has.Count.EqualTo(saved.Inputs.Count));
            AssertSame(back.Input, saved.Input);
            AssertSame(back.Prediction, saved.Prediction);
            Assert.That(back.Layers.Keys, Is.EquivalentTo(saved.Layers.Keys).And.Not.Empty);
            foreach (string layer in saved.Layers.Keys)
                AssertSame(back[layer], saved[layer]);
            Assert.That(back.Ledger.Start, Is.EqualTo(saved.Ledger.Start));
            Assert.That(back.Ledger.Input, Is.EqualTo(saved.Ledger.Input));
            Assert.That(back.Ledger.Lines, Has.Count.EqualTo(saved.Ledger.Lines.Count));
            foreach ((LedgerLine a, LedgerLine b) in back.Ledger.Lines.Zip(saved.Ledger.Lines))
            {
                Assert.That((a.Node, a.Operator), Is.EqualTo((b.Node, b.Operator)));
                Assert.That(new[] { a.In, a.Out, a.Bias, a.Dropped, a.Constants }, Is.EqualTo(new[] { b.In, b.Out, b.Bias, b.Dropped, b.Constants }));
            }
        });
    }

    [Test]
    public void OtherFilesAreRefused()
    {
        using TemporaryFolder folder = new();
        using torch.Tensor other = torch.zeros(2);
        SafeTensors.Save(folder.File("other"), [new("input.0", other)]);
        using Explanation saved = Explain();
        saved.Save(folder.File("e"));
        byte[] bytes = File.ReadAllBytes(folder.File("e"));
        Assert.Multiple(() =>
        {
            Assert.That(() => Explanation.Load(folder.File("other")), Throws.TypeOf<SafeTensorsException>().With.Message.Contains("not a saved explanation"));
            Assert.That(() => Explanation.Load(folder.Write("cut", bytes[..^8])), Throws.TypeOf<SafeTensorsException>());
            Assert.That(() => Explanation.Load(folder.File("none")), Throws.TypeOf<FileNotFoundException>());
        });
    }

    [TestCase(SafeTensorPart.Facts)]
    [TestCase(SafeTensorPart.Nodes)]
    [TestCase(SafeTensorPart.Lines)]
    [TestCase(SafeTensorPart.Input)]
    public void IncompleteFilesAreRefused(SafeTensorPart missing)
    {
        using TemporaryFolder folder = new();
        using Explanation saved = Explain();
        saved.Save(folder.File("e"));
        using (SafeTensorsFile file = SafeTensors.Open(folder.File("e")))
        {
            Dictionary<string, string> metadata = new(file.Metadata);
            metadata.Remove(missing == SafeTensorPart.Facts ? "facts" : missing == SafeTensorPart.Nodes ? "ledger.nodes" : "");
            string left = missing == SafeTensorPart.Lines ? "ledger.lines" : missing == SafeTensorPart.Input ? "input.0" : "";
            SafeTensors.Save(folder.File("part"), file.Tensors.Where(t => t.Name != left).Select(t => KeyValuePair.Create(t.Name, file.ToTensor(t.Name))), metadata);
        }

        Assert.That(() => Explanation.Load(folder.File("part")), Throws.TypeOf<SafeTensorsException>());
    }

    [TestCase("facts", "{", "unreadable metadata 'facts'")]
    [TestCase("facts", "{\"Precision\":\"low\"}", "unreadable metadata 'facts'")]
    [TestCase("ledger.nodes", "[[\"first\"]]", "does not fit the list of nodes")]
    [TestCase("ledger.nodes", "[null, null, null]", "does not fit the list of nodes")]
    public void DamagedMetadataAreRefused(string key, string value, string said)
    {
        using TemporaryFolder folder = new();
        using Explanation saved = Explain();
        saved.Save(folder.File("e"));
        using (SafeTensorsFile file = SafeTensors.Open(folder.File("e")))
            SafeTensors.Save(folder.File("damaged"), file.Tensors.Select(t => KeyValuePair.Create(t.Name, file.ToTensor(t.Name))), new Dictionary<string, string>(file.Metadata) { [key] = value });
        Assert.That(() => Explanation.Load(folder.File("damaged")), Throws.TypeOf<SafeTensorsException>().With.Message.Contains(said));
    }

    public enum SafeTensorPart
    {
        Facts,
        Nodes,
        Lines,
        Input,
    }

    private static Explanation Explain()
    {
        torch.manual_seed(3);
        using Sequential model = Sequential(("first", Linear(5, 7)), ("middle", ReLU()), ("last", Linear(7, 3)));
        using Backtracer backtracer = new(model, null, new BacktracerOptions { Layers = ["first", "last"], LedgerPerSample = true, Precision = ContractionPrecision.Single });
        using torch.Tensor input = torch.randn(4, 5);
        return backtracer.Explain(input, Target.Argmax());
    }

    private static void AssertSame(torch.Tensor actual, torch.Tensor expected)
    {
        Assert.That(actual.shape, Is.EqualTo(expected.shape));
        Assert.That(actual.bytes.SequenceEqual(expected.bytes));
    }
}
