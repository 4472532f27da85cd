using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Support;

/// <summary>A module of a TorchScript file: a class of TorchScript's Python with one method, and the values of its attributes.</summary>
/// <param name="Class">Name of the class.</param>
/// <param name="Method">Parameters behind self, and the result: <c>x: Tensor) -> Tensor</c>.</param>
/// <param name="Body">Statements, a line each.</param>
/// <param name="Attributes">Parameters, other tensors as buffers, and modules.</param>
internal sealed record ScriptModuleText(string Class, string Method, string Body, params (string Name, object Value)[] Attributes)
{
    internal const string OneToOne = "x: Tensor) -> Tensor";

    /// <summary>A module without parts, with the tensors of one of TorchSharp.</summary>
    internal static ScriptModuleText Of(string type, nn.Module layer, string expression) => new(
        type, OneToOne, $"return {expression}", [.. layer.named_parameters().Select(p => (p.name, (object)p.parameter)), .. layer.named_buffers().Where(b => b.buffer.is_floating_point()).Select(b => (b.name, (object)b.buffer))]);
}

/// <summary>Writes TorchScript files as PyTorch saves them: tests have no PyTorch to trace or script a model with.</summary>
internal static class ScriptArchive
{
    internal static string Write(string path, ScriptModuleText root)
    {
        List<Tensor> tensors = [];
        using MemoryStream pickle = new();
        pickle.Write([0x80, 2]);
        Pickle(pickle, root, tensors);
        pickle.WriteByte((byte)'.');
        StringBuilder code = new();
        Declare(code, root, []);
        using ZipArchive archive = ZipFile.Open(path, ZipArchiveMode.Create);
        Add(archive, "data.pkl", pickle.ToArray());
        Add(archive, "code/__torch__.py", Encoding.UTF8.GetBytes(code.ToString()));
        Add(archive, "constants.pkl", [0x80, 2, (byte)')', (byte)'.']);
        Add(archive, "version", "3\n"u8.ToArray());
        for (int k = 0; k < tensors.Count; k++)
            Add(archive, $"data/{k}", tensors[k].contiguous().bytes.ToArray());
        return path;
    }

    private static void Add(ZipArchive archive, string name, byte[] bytes)
    {
        using Stream entry = archive.CreateEntry($"model/{name}", CompressionLevel.NoCompression).Open();
        entry.Write(bytes);
    }

    private static void Declare(StringBuilder code, ScriptModuleText module, HashSet<string> declared)
    {
        foreach (ScriptModuleText part in module.Attributes.Select(a => a.Value).OfType<ScriptModuleText>())
            Declare(code, part, declared);
        if (!declared.Add(module.Class))
            return;
        string Names(Func<object, bool> are) => string.Concat(module.Attributes.Where(a => are(a.Value)).Select(a => $"\"{a.Name}\", "));
        code.Append($"class {module.Class}(Module):\n  __parameters__ = [{Names(v => v is Parameter)}]\n  __buffers__ = [{Names(v => v is Tensor and not Parameter)}]\n  training : bool\n");
        if (module.Attributes.Any(a => char.IsDigit(a.Name[0])))
            code.Append("  __annotations__ = []\n");
        foreach ((string name, object value) in module.Attributes)
        {
            string type = value is ScriptModuleText part ? "__torch__." + part.Class : "Tensor";
            code.Append(char.IsDigit(name[0]) ? $"  __annotations__[\"{name}\"] = {type}\n" : $"  {name} : {type}\n");
        }

        code.Append($"  def forward(self: __torch__.{module.Class}, {module.Method}:\n");
        foreach (string line in module.Body.Split('\n'))
            code.Append($"    {line}\n");
    }

    private static void Pickle(Stream to, ScriptModuleText module, List<Tensor> tensors)
    {
        Write(to, $"c__torch__\n{module.Class}\n)");
        to.WriteByte(0x81);
        Write(to, "}(");
        Text(to, "training");
        to.WriteByte(0x88);
        foreach ((string name, object value) in module.Attributes)
        {
            Text(to, name);
            if (value is ScriptModuleText part)
                Pickle(to, part, tensors);
            else
                Pickle(to, (Tensor)value, tensors);
        }

        Write(to, "ub");
    }

    // Address of the storage, offset, shape, strides, whether it wants gradients, hooks.
    private static void Pickle(Stream to, Tensor tensor, List<Tensor> tensors)
    {
        Write(to, "ctorch._utils\n_rebuild_tensor_v2\n((");
        Text(to, "storage");
        Write(to, "ctorch\nFloatStorage\n");
        Text(to, $"{tensors.Count}");
        Text(to, "cpu");
        Number(to, tensor.numel());
        Write(to, "tQ");
        Number(to, 0);
        Write(to, "(");
        foreach (long size in tensor.shape)
            Number(to, size);
        Write(to, "t(");
        for (int axis = 1; axis <= tensor.shape.Length; axis++)
            Number(to, tensor.shape[axis..].Aggregate(1L, (a, b) => a * b));
        Write(to, "t");
        to.WriteByte(0x89);
        Write(to, "ccollections\nOrderedDict\n)RtR");
        tensors.Add(tensor);
    }

    private static void Text(Stream to, string text)
    {
        to.WriteByte((byte)'X');
        Raw(to, text.Length);
        Write(to, text);
    }

    private static void Number(Stream to, long value)
    {
        to.WriteByte((byte)'J');
        Raw(to, (int)value);
    }

    private static void Raw(Stream to, int value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        to.Write(bytes);
    }

    private static void Write(Stream to, string text) => to.Write(Encoding.ASCII.GetBytes(text));
}
