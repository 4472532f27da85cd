using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Interop;

/// <summary>
/// A memory-mapped safetensors file: nothing is read before it is asked for. Spans point into the mapping and end with <see cref="Dispose"/>;
/// arrays and tensors are copies and stay valid.
/// </summary>
public sealed unsafe partial class SafeTensorsFile : IDisposable
{
    private const long MaximumHeader = 100_000_000;
    private readonly MemoryMappedFile map;
    private readonly MemoryMappedViewAccessor view;
    private readonly Dictionary<string, SafeTensorInfo> byName;
    private byte* data;

    /// <summary>Maps a file and checks all of its header against its length.</summary>
    /// <param name="path">Path of the file.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="SafeTensorsException">The file is damaged or not a safetensors file.</exception>
    public SafeTensorsFile(string path)
    {
        Path = path;
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
        long length = stream.Length;
        byte[] json = ReadHeader(stream, length);
        long start = 8 + json.LongLength;
        SafeTensorsHeader header = SafeTensorsHeader.Parse(path, json, length - start);
        Tensors = header.Tensors;
        Metadata = header.Metadata;
        byName = Tensors.ToDictionary(t => t.Name);
        map = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        view = map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        byte* pointer = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
        data = pointer + view.PointerOffset + start;
    }

    /// <summary>Path as given.</summary>
    public string Path { get; }

    /// <summary>The tensors in file order.</summary>
    public IReadOnlyList<SafeTensorInfo> Tensors { get; }

    /// <summary>The header's string metadata; empty when there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>True when the file holds a tensor of this name.</summary>
    public bool Contains(string name) => byName.ContainsKey(name);

    /// <summary>A tensor's description.</summary>
    /// <exception cref="SafeTensorsException">The file has no such tensor.</exception>
    public SafeTensorInfo this[string name] => byName.TryGetValue(name, out SafeTensorInfo? info)
        ? info
        : throw new SafeTensorsException(Path, name, "the file holds no such tensor");

    /// <summary>The elements in the mapping itself, in row-major order; valid until <see cref="Dispose"/>. BF16 is read as <see cref="ushort"/>.</summary>
    /// <exception cref="SafeTensorsException">No such tensor, another element type, or more than 2^31-1 elements.</exception>
    public ReadOnlySpan<T> Span<T>(string name) where T : unmanaged
    {
        SafeTensorInfo info = this[name];
        if (!info.Type.Holds<T>())
            throw new SafeTensorsException(Path, name, $"holds {info.Type.Code()}, {typeof(T).Name} was asked for");
        if (info.Count > int.MaxValue)
            throw new SafeTensorsException(Path, name, $"has {info.Count} elements, more than one span can show");
        return new ReadOnlySpan<T>(Pointer(info), (int)info.Count);
    }

    /// <summary>A copy of the elements, in row-major order; BF16 is read as <see cref="ushort"/>.</summary>
    /// <exception cref="SafeTensorsException">As for <see cref="Span{T}"/>.</exception>
    public T[] Read<T>(string name) where T : unmanaged => Span<T>(name).ToArray();

    /// <summary>Refuses NaN and infinities in every floating tensor.</summary>
    /// <exception cref="SafeTensorsException">Names the first tensor that holds one, and where.</exception>
    public void CheckFinite()
    {
        foreach (SafeTensorInfo info in Tensors)
            CheckFinite(info);
    }

    /// <summary>Refuses NaN and infinities in one tensor; integers always pass.</summary>
    /// <exception cref="SafeTensorsException">No such tensor, or it holds one.</exception>
    public void CheckFinite(string name) => CheckFinite(this[name]);

    /// <summary>Unmaps the file; spans taken from it must not be used any more.</summary>
    public void Dispose()
    {
        if (data == null)
            return;
        data = null;
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        map.Dispose();
    }

    private void CheckFinite(SafeTensorInfo info)
    {
        if (!info.Type.IsFloating())
            return;
        long index = FiniteScan.FirstNonFinite(Pointer(info), info.Count, info.Type);
        if (index >= 0)
            throw new SafeTensorsException(Path, info.Name, $"holds NaN or infinity (element {index} of {info.Type.Code()} {info.ShapeText})");
    }

    private byte* Pointer(SafeTensorInfo info)
    {
        ObjectDisposedException.ThrowIf(data == null, this);
        return data + info.Begin;
    }

    private byte[] ReadHeader(FileStream stream, long length)
    {
        Span<byte> prefix = stackalloc byte[8];
        if (length < prefix.Length || stream.ReadAtLeast(prefix, prefix.Length, throwOnEndOfStream: false) < prefix.Length)
            throw new SafeTensorsException(Path, null, $"has {Counted.Of(length, "byte")}, too short for a safetensors file");
        ulong announced = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (announced > MaximumHeader)
            throw new SafeTensorsException(Path, null, $"announces a header of {announced} bytes, the limit is {MaximumHeader} (is it a safetensors file?)");
        if ((long)announced > length - prefix.Length)
            throw new SafeTensorsException(Path, null, $"announces a header of {announced} bytes, the file has {length - prefix.Length} after the prefix");
        byte[] json = new byte[announced];
        stream.ReadExactly(json);
        return json;
    }
}
