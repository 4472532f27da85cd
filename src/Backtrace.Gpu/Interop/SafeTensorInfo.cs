namespace Backtrace.Gpu.Interop;

/// <summary>What a safetensors header says about one tensor; checked against the file when it was opened.</summary>
/// <param name="Name">Name, unique in the file.</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Extents, outermost first; empty for a scalar.</param>
/// <param name="Begin">First byte, counted from the start of the data area.</param>
/// <param name="End">One past the last byte.</param>
public sealed record SafeTensorInfo(string Name, SafeTensorType Type, IReadOnlyList<long> Shape, long Begin, long End)
{
    /// <summary>Number of bytes.</summary>
    public long Bytes => End - Begin;

    /// <summary>Number of elements.</summary>
    public long Count => Bytes / Type.Size();

    /// <summary>The shape as text, such as "[16, 3, 3, 3]".</summary>
    public string ShapeText => $"[{string.Join(", ", Shape)}]";
}
