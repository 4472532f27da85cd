using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using TorchSharp;

namespace Backtrace.Gpu.Tests.Interop;

public sealed class SafeTensorsRoundTripTests
{
    private static readonly SafeTensorType[] Types = Enum.GetValues<SafeTensorType>();

    [TestCaseSource(nameof(Types))]
    public void EveryTypeComesBackBitForBit(SafeTensorType type)
    {
        using TemporaryFolder folder = new();
        using torch.Tensor source = torch.arange(-3, 9, dtype: torch.float32).reshape(3, 4);
        using torch.Tensor typed = source.to_type(type.ToScalarType());
        SafeTensors.Save(folder.File("a"), [new("t", typed)]);

        using SafeTensorsFile file = SafeTensors.Open(folder.File("a"), checkFinite: true);
        using torch.Tensor back = file.ToTensor("t");
        Assert.Multiple(() =>
        {
            Assert.That(file["t"].Type, Is.EqualTo(type));
            Assert.That(back.dtype, Is.EqualTo(typed.dtype));
            Assert.That(back.shape, Is.EqualTo(new long[] { 3, 4 }));
            Assert.That(back.bytes.SequenceEqual(typed.bytes));
        });
    }

    [Test]
    public void RandomContentsRoundTrip()
    {
        Gen<(string Name, float[] Values)[]> contents =
            Gen.ArrayOf(Gen.Zip(ArbMap.Default.GeneratorFor<NonNull<string>>().Select(s => s.Get), ArbMap.Default.GeneratorFor<float[]>()));
        Prop.ForAll(Arb.From(contents), items =>
        {
            using TemporaryFolder folder = new();
            Dictionary<string, float[]> expected = [];
            using SafeTensorsWriter writer = new();
            foreach ((string name, float[] values) in items)
            {
                // Lone surrogates are no text; JSON would replace them.
                if (name == "__metadata__" || name.Any(char.IsSurrogate) || !expected.TryAdd(name, values))
                    continue;
                writer.Add<float>(name, values, values.Length);
                writer.Metadata["key " + name] = name;
            }
            writer.Save(folder.File("x"));
            using SafeTensorsFile file = SafeTensors.Open(folder.File("x"));
            return file.Tensors.Count == expected.Count
                && expected.All(e => file.Read<float>(e.Key).AsSpan().SequenceEqual(e.Value) || e.Value.Any(float.IsNaN))
                && expected.All(e => file.Metadata["key " + e.Key] == e.Key);
        }).Check(Seeded.Cases(100));
    }

    [Test]
    public void EqualContentsGiveEqualBytesWhateverTheOrder()
    {
        using TemporaryFolder folder = new();
        using torch.Tensor half = torch.ones(3, torch.float16), wide = torch.ones(2, torch.float64);
        SafeTensors.Save(folder.File("a"), [new("h", half), new("w", wide)]);
        SafeTensors.Save(folder.File("b"), [new("w", wide), new("h", half)]);
        byte[] a = File.ReadAllBytes(folder.File("a"));
        Assert.That(a, Is.EqualTo(File.ReadAllBytes(folder.File("b"))));
        Assert.That(BitConverter.ToUInt64(a) % 8, Is.Zero, "the data area is aligned");
        using SafeTensorsFile file = SafeTensors.Open(folder.File("a"));
        Assert.That(file.Tensors[0].Name, Is.EqualTo("w"), "widest type first");
    }

    [Test]
    public void ScalarsEmptyTensorsAndStridedViewsAreKept()
    {
        using TemporaryFolder folder = new();
        using torch.Tensor scalar = torch.tensor(2.5f), empty = torch.empty(0, 3), matrix = torch.arange(6f).reshape(2, 3), turned = matrix.t();
        SafeTensors.Save(folder.File("a"), [new("scalar", scalar), new("empty", empty), new("turned", turned)]);
        using SafeTensorsFile file = SafeTensors.Open(folder.File("a"));
        using torch.Tensor back = file.ToTensor("empty");
        Assert.Multiple(() =>
        {
            Assert.That(file["scalar"].Shape, Is.Empty);
            Assert.That(file.Read<float>("scalar"), Is.EqualTo(new[] { 2.5f }));
            Assert.That(back.shape, Is.EqualTo(new long[] { 0, 3 }));
            Assert.That(file.Read<float>("turned"), Is.EqualTo(new[] { 0f, 3, 1, 4, 2, 5 }));
        });
    }

    [Test]
    public void TensorsOutliveTheFileAndTheCallersScope()
    {
        using TemporaryFolder folder = new();
        using SafeTensorsWriter writer = new();
        using (torch.NewDisposeScope())
            writer.Add("t", torch.ones(4));
        writer.Save(folder.File("a"));
        torch.Tensor back;
        using (SafeTensorsFile file = SafeTensors.Open(folder.File("a")))
            back = file.ToTensor("t");
        using (back)
            Assert.That(back.sum().item<float>(), Is.EqualTo(4f));
    }

    [Test]
    public void AFailedSaveLeavesTheOldFile()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("a", "old");
        using SafeTensorsWriter writer = new();
        torch.Tensor gone = torch.ones(1, torch.float32);
        writer.Add("t", gone);
        writer.Save(path);
        Assert.That(Directory.GetFiles(folder.Path), Has.Length.EqualTo(1));
        Assert.That(() => writer.Save(folder.File("missing/a")), Throws.InstanceOf<DirectoryNotFoundException>());
        gone.Dispose();
    }

    [Test]
    public void RepeatedNamesAndForeignTypesAreRefusedWhenWriting()
    {
        using SafeTensorsWriter writer = new();
        using torch.Tensor tensor = torch.ones(1), complex = torch.ones(1, torch.complex64);
        writer.Add("t", tensor);
        Assert.Multiple(() =>
        {
            Assert.That(() => writer.Add("t", tensor), Throws.ArgumentException);
            Assert.That(() => writer.Add("__metadata__", tensor), Throws.ArgumentException);
            Assert.That(() => writer.Add("c", complex), Throws.ArgumentException);
            Assert.That(() => writer.Add<float>("s", [1f], 2), Throws.ArgumentException);
            Assert.That(() => writer.Add<ushort>("u", [1], 1), Throws.ArgumentException);
        });
    }
}
