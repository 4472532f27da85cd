using System.Buffers.Binary;
using System.Text;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;

namespace Backtrace.Gpu.Tests.Interop;

/// <summary>Files that lie. Each one is refused with the file's name and what is wrong, and none takes the process down.</summary>
public sealed class HostileSafeTensorsTests
{
    private const string Good = """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""";

    private static readonly TestCaseData[] Lies =
    [
        Lie("not JSON", "hello", 0, "not valid JSON"),
        Lie("JSON array", "[1]", 0, "not a JSON object"),
        Lie("cut JSON", """{"a":{"dtype":"F32","shape":[2]""", 8, "not valid JSON"),
        Lie("text after JSON", Good + "x", 8, "not valid JSON"),
        Lie("deep JSON", new string('[', 100_000), 0, "not a JSON object"),
        Lie("deep entry", """{"a":""" + new string('[', 100_000), 0, "not an object"),
        Lie("no header text", "", 0, "not valid JSON"),
        Lie("name twice", """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "appears twice", "a"),
        Lie("name twice, escaped", """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\u0061":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "appears twice", "a"),
        Lie("unknown dtype", """{"a":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}}""", 8, "unknown dtype 'F99'", "a"),
        Lie("numeric dtype", """{"a":{"dtype":"2","shape":[2],"data_offsets":[0,8]}}""", 8, "unknown dtype", "a"),
        Lie("wrong dtype", """{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}}""", 8, "needs 16 bytes", "a"),
        Lie("wrong shape", """{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "needs 12 bytes", "a"),
        Lie("negative extent", """{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "non-negative", "a"),
        Lie("fraction", """{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}""", 8, "non-negative", "a"),
        Lie("shape overflow", """{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,8]}}""", 8, "overflows", "a"),
        Lie("shape wraps to the right size", """{"a":{"dtype":"F32","shape":[4611686018427387905,2],"data_offsets":[0,8]}}""", 8, "overflows", "a"),
        Lie("offsets backwards", """{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "backwards", "a"),
        Lie("offsets beyond 63 bits", """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]}}""", 8, "63-bit", "a"),
        Lie("offsets beyond the file", """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 7, "truncated", "a"),
        Lie("overlap", """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "overlaps", "b"),
        Lie("gap", """{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "gap", "a"),
        Lie("data of no tensor", Good, 12, "belong to no tensor"),
        Lie("no dtype", """{"a":{"shape":[2],"data_offsets":[0,8]}}""", 8, "needs dtype", "a"),
        Lie("three offsets", """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}""", 8, "needs dtype", "a"),
        Lie("unknown field", """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}""", 8, "unexpected", "a"),
        Lie("entry is a number", """{"a":1}""", 0, "not an object", "a"),
        Lie("metadata is a list", """{"__metadata__":[]}""", 0, "__metadata__"),
        Lie("metadata holds a number", """{"__metadata__":{"k":1}}""", 0, "'k' is not a string"),
        Lie("rank 100", """{"a":{"dtype":"F32","shape":[""" + string.Join(",", Enumerable.Repeat(1, 100)) + """],"data_offsets":[0,4]}}""", 4, "more than 64", "a"),
    ];

    [TestCaseSource(nameof(Lies))]
    public void ALyingHeaderIsRefused(string header, int dataBytes, string problem, string? tensor)
    {
        using TemporaryFolder folder = new();
        Refused(folder.Write("m.safetensors", Build(header, new byte[dataBytes])), problem, tensor);
    }

    [TestCase(0)]
    [TestCase(7)]
    public void AFileTooShortForThePrefixIsRefused(int length)
    {
        using TemporaryFolder folder = new();
        Refused(folder.Write("m", new byte[length]), "too short", null);
    }

    [TestCase(1000ul, "the file has")]
    [TestCase(100_000_001ul, "limit")]
    [TestCase(ulong.MaxValue, "limit")]
    [TestCase(0x8000_0000_0000_0000ul, "limit")]
    public void AHugeHeaderLengthIsRefusedWithoutAllocating(ulong announced, string problem)
    {
        using TemporaryFolder folder = new();
        byte[] file = Build(Good, new byte[8]);
        BinaryPrimitives.WriteUInt64LittleEndian(file, announced);
        Refused(folder.Write("m", file), problem, null);
    }

    [Test]
    public void HeaderBytesThatAreNotUtf8AreRefused()
    {
        using TemporaryFolder folder = new();
        byte[] file = Build(Good, new byte[8]);
        file[8 + 2] = 0xFF;
        Refused(folder.Write("m", file), "not valid JSON", null);
    }

    [Test]
    public void EveryTruncationOfAGoodFileIsRefused()
    {
        using TemporaryFolder folder = new();
        byte[] file = Build(Good, new byte[8]);
        for (int length = 0; length < file.Length; length++)
        {
            string path = folder.Write("m", file[..length]);
            Assert.That(() => SafeTensors.Open(path), Throws.InstanceOf<SafeTensorsException>(), $"{length} bytes");
        }
    }

    [Test]
    public void RandomDamageNeverDoesWorseThanTheSpecificException()
    {
        using TemporaryFolder folder = new();
        byte[] good = Build(Good, new byte[8]);
        Random random = new(7);
        for (int round = 0; round < 300; round++)
        {
            byte[] file = [.. good];
            for (int hit = 0; hit <= round % 3; hit++)
                file[random.Next(file.Length)] = (byte)random.Next(256);
            string path = folder.Write("m", file);
            try
            {
                using SafeTensorsFile opened = SafeTensors.Open(path);
                foreach (SafeTensorInfo tensor in opened.Tensors)
                    opened.ToTensor(tensor.Name).Dispose();
            }
            catch (SafeTensorsException e)
            {
                Assert.That(e.Message, Does.Contain(path));
            }
        }
    }

    [TestCase(SafeTensorType.F16)]
    [TestCase(SafeTensorType.BF16)]
    [TestCase(SafeTensorType.F32)]
    [TestCase(SafeTensorType.F64)]
    public void NonFiniteValuesAreFoundWhereverTheyAre(SafeTensorType type)
    {
        using TemporaryFolder folder = new();
        foreach (float bad in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
        {
            for (int position = 0; position < 70; position += 23)
            {
                using torch.Tensor values = torch.full(70, 1.5f);
                values[position] = torch.tensor(bad);
                using torch.Tensor typed = values.to_type(type.ToScalarType());
                SafeTensors.Save(folder.File("m"), [new("w", typed)]);
                SafeTensors.Open(folder.File("m")).Dispose();
                SafeTensorsException e = Assert.Throws<SafeTensorsException>(() => SafeTensors.Open(folder.File("m"), checkFinite: true))!;
                Assert.That(e.Tensor, Is.EqualTo("w"));
                Assert.That(e.Message, Does.Contain($"element {position} "));
            }
        }
    }

    [Test]
    public void AskingForTheWrongThingIsSpecific()
    {
        using TemporaryFolder folder = new();
        SafeTensorsFile file = SafeTensors.Open(folder.Write("m", Build(Good, new byte[8])));
        Assert.That(() => file.Read<double>("a"), Throws.InstanceOf<SafeTensorsException>().With.Message.Contains("holds F32"));
        Assert.That(() => file.ToTensor("b"), Throws.InstanceOf<SafeTensorsException>().With.Message.Contains("no such tensor"));
        file.Dispose();
        file.Dispose();
        Assert.That(() => file.Read<float>("a"), Throws.InstanceOf<ObjectDisposedException>());
        Assert.That(() => SafeTensors.Open(folder.File("missing")), Throws.InstanceOf<FileNotFoundException>());
    }

    private static TestCaseData Lie(string name, string header, int dataBytes, string problem, string? tensor = null) =>
        new TestCaseData(header, dataBytes, problem, tensor).SetArgDisplayNames(name);

    private static byte[] Build(string header, byte[] data)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        byte[] prefix = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, (ulong)json.Length);
        return [.. prefix, .. json, .. data];
    }

    private static void Refused(string path, string problem, string? tensor)
    {
        SafeTensorsException e = Assert.Throws<SafeTensorsException>(() => SafeTensors.Open(path))!;
        Assert.Multiple(() =>
        {
            Assert.That(e.Message, Does.Contain(problem).And.Contain(path));
            Assert.That(e.File, Is.EqualTo(path));
            if (tensor is not null)
                Assert.That(e.Tensor, Is.EqualTo(tensor));
        });
    }
}
