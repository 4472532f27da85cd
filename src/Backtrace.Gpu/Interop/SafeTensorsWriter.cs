using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using Backtrace.Gpu.Kernels;
using TorchSharp;

namespace Backtrace.Gpu.Interop;

/// <summary>
/// Collects tensors and writes them as one safetensors file. Equal contents give equal bytes: tensors are sorted widest type first, then by name,
/// which also aligns each of them naturally.
/// </summary>
public sealed class SafeTensorsWriter : IDisposable
{
    private readonly SortedDictionary<string, Entry> entries = new(StringComparer.Ordinal);

    /// <summary>Strings for the header.</summary>
    public IDictionary<string, string> Metadata { get; } = new SortedDictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Adds a tensor of any device and layout. CPU tensors are referenced, not copied: do not change them before <see cref="Save"/>.</summary>
    /// <exception cref="ArgumentException">The name is taken or reserved, or the element type has no name in the format.</exception>
    public void Add(string name, torch.Tensor tensor)
    {
        if (!SafeTensorTypes.TryFrom(tensor.dtype, out SafeTensorType type))
            throw new ArgumentException($"Tensor '{name}' is {tensor.dtype}, which a safetensors file cannot hold.", nameof(tensor));
        Check(name);
        // Our own handle, outside the caller's dispose scope, so that it lives until Save.
        using torch.Tensor detached = tensor.detach();
        using torch.Tensor onHost = detached.cpu();
        torch.Tensor kept = onHost.contiguous().DetachFromDisposeScope();
        entries.Add(name, new Entry(name, type, kept.shape, kept, default));
    }

    /// <summary>Adds a copy of an array. Pass BF16 as a tensor; <see cref="ushort"/> has no type of its own here.</summary>
    /// <param name="name">Name, unique in the file.</param>
    /// <param name="values">Elements in row-major order: float, double, Half, long, int, short, sbyte, byte or bool.</param>
    /// <param name="shape">Extents, outermost first; their product is the number of elements.</param>
    /// <exception cref="ArgumentException">The name is taken or reserved, the element type unknown, or the shape does not match.</exception>
    public void Add<T>(string name, ReadOnlySpan<T> values, params long[] shape) where T : unmanaged
    {
        if (typeof(T) == typeof(ushort) || !Enum.GetValues<SafeTensorType>().Any(t => t.Holds<T>()))
            throw new ArgumentException($"{typeof(T).Name} has no safetensors type.", nameof(values));
        if (shape.Any(extent => extent < 0) || shape.Aggregate(1L, (a, b) => checked(a * b)) != values.Length)
            throw new ArgumentException($"Tensor '{name}': shape [{string.Join(", ", shape)}] does not hold {values.Length} elements.", nameof(shape));
        Check(name);
        SafeTensorType type = Enum.GetValues<SafeTensorType>().First(t => t.Holds<T>());
        entries.Add(name, new Entry(name, type, shape, null, MemoryMarshal.AsBytes(values).ToArray()));
    }

    /// <summary>Writes the file beside its final place and moves it there, so that a reader sees the old file or the new one, never half of one.</summary>
    /// <param name="path">Path of the file; its folder must exist. An existing file is replaced.</param>
    /// <exception cref="IOException">The file cannot be written; names it.</exception>
    public void Save(string path) => WholeFile.Write(path, Write);

    /// <summary>Releases the tensors held since <see cref="Add(string, torch.Tensor)"/>.</summary>
    public void Dispose()
    {
        foreach (Entry entry in entries.Values)
            entry.Tensor?.Dispose();
        entries.Clear();
    }

    private void Write(Stream stream)
    {
        Entry[] ordered = [.. entries.Values.OrderByDescending(e => e.Type.Size())];
        byte[] header = Header(ordered);
        Span<byte> prefix = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, (ulong)header.Length);
        stream.Write(prefix);
        stream.Write(header);
        foreach (Entry entry in ordered)
        {
            if (entry.Tensor is null)
                stream.Write(entry.Raw.Span);
            else if (entry.Tensor.numel() > 0)
                entry.Tensor.WriteBytesToStream(stream);
        }
    }

    private byte[] Header(IEnumerable<Entry> ordered)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (Metadata.Count > 0)
            {
                json.WriteStartObject("__metadata__");
                foreach ((string key, string value) in Metadata)
                    json.WriteString(key, value);
                json.WriteEndObject();
            }
            long offset = 0;
            foreach (Entry entry in ordered)
                offset = WriteEntry(json, entry, offset);
            json.WriteEndObject();
        }
        // Spaces up to a multiple of 8 keep the data area aligned in the mapping.
        while (buffer.Length % 8 != 0)
            buffer.WriteByte((byte)' ');
        return buffer.ToArray();
    }

    private static long WriteEntry(Utf8JsonWriter json, Entry entry, long offset)
    {
        long end = offset + entry.Shape.Aggregate((long)entry.Type.Size(), (a, b) => checked(a * b));
        json.WriteStartObject(entry.Name);
        json.WriteString("dtype", entry.Type.Code());
        json.WriteStartArray("shape");
        foreach (long extent in entry.Shape)
            json.WriteNumberValue(extent);
        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(offset);
        json.WriteNumberValue(end);
        json.WriteEndArray();
        json.WriteEndObject();
        return end;
    }

    private void Check(string name)
    {
        if (name == "__metadata__")
            throw new ArgumentException("The name '__metadata__' is reserved.", nameof(name));
        if (entries.ContainsKey(name))
            throw new ArgumentException($"Tensor '{name}' was already added.", nameof(name));
    }

    private sealed record Entry(string Name, SafeTensorType Type, IReadOnlyList<long> Shape, torch.Tensor? Tensor, ReadOnlyMemory<byte> Raw);
}
