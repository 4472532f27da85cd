namespace Backtrace.Gpu.Interop;

/// <summary>
/// One of libtorch's boxed arguments: a payload of 8 bytes and a tag. The layout is checked by <see cref="OperatorTap"/> on known calls
/// before anything is trusted.
/// </summary>
internal readonly unsafe struct IValue(nint address)
{
    public const int Size = 16;

    // Offset of the std::vector<IValue> in a list object, after its virtual table and reference counts.
    private const int ListOffset = 16;

    private enum Tag : uint
    {
        None = 0,
        Tensor = 1,
        Double = 3,
        Int = 5,
        Bool = 10,
    }

    /// <summary>Tag of lists, learned from a known call.</summary>
    public static uint ListTag { get; set; } = uint.MaxValue;

    public bool IsList => RawTag == ListTag;

    public uint RawTag => *(uint*)(address + 8);

    public bool IsNone => RawTag == (uint)Tag.None;

    public bool IsTensor => RawTag == (uint)Tag.Tensor;

    public bool IsInt => RawTag == (uint)Tag.Int;

    public bool IsDouble => RawTag == (uint)Tag.Double;

    public bool IsBool => RawTag == (uint)Tag.Bool;

    /// <summary>The payload of a tensor value is an at::Tensor, so its address is a handle.</summary>
    public RawTensor Tensor => new(address);

    public long Int => *(long*)address;

    public double Double => *(double*)address;

    public bool Bool => *(byte*)address != 0;

    public nint ListStart => *(nint*)(*(nint*)address + ListOffset);

    /// <summary>Makes a list of entries that lie elsewhere; <paramref name="list"/>: 32 bytes that stand for the list object.</summary>
    public static void MakeList(nint value, nint list, nint begin, nint end)
    {
        *(nint*)value = list;
        *(nint*)(list + ListOffset) = begin;
        *(nint*)(list + ListOffset + 8) = end;
    }

    /// <summary>Makes a value of a kind that is not read.</summary>
    public static void MakeUnreadable(nint value) => *(uint*)(value + 8) = uint.MaxValue - 1;

    public int ListCount => (int)((*(nint*)(*(nint*)address + ListOffset + 8) - ListStart) / Size);
}
