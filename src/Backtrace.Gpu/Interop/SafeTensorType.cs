namespace Backtrace.Gpu.Interop;

/// <summary>Element types of a safetensors file that this library reads and writes.</summary>
public enum SafeTensorType
{
    /// <summary>One byte, 0 or 1.</summary>
    Bool,

    /// <summary>Unsigned 8-bit integer.</summary>
    U8,

    /// <summary>Signed 8-bit integer.</summary>
    I8,

    /// <summary>Signed 16-bit integer.</summary>
    I16,

    /// <summary>IEEE half precision.</summary>
    F16,

    /// <summary>The upper half of a single precision number.</summary>
    BF16,

    /// <summary>Signed 32-bit integer.</summary>
    I32,

    /// <summary>IEEE single precision.</summary>
    F32,

    /// <summary>Signed 64-bit integer.</summary>
    I64,

    /// <summary>IEEE double precision.</summary>
    F64,
}

/// <summary>Names, sizes and counterparts of <see cref="SafeTensorType"/>.</summary>
public static partial class SafeTensorTypes
{
    /// <summary>Bytes of one element.</summary>
    public static int Size(this SafeTensorType type) => type switch
    {
        SafeTensorType.Bool or SafeTensorType.U8 or SafeTensorType.I8 => 1,
        SafeTensorType.I16 or SafeTensorType.F16 or SafeTensorType.BF16 => 2,
        SafeTensorType.I32 or SafeTensorType.F32 => 4,
        _ => 8,
    };

    /// <summary>The name in the file's header, such as "BF16".</summary>
    public static string Code(this SafeTensorType type) => type == SafeTensorType.Bool ? "BOOL" : type.ToString();

    /// <summary>True for the types that can hold NaN and infinities.</summary>
    public static bool IsFloating(this SafeTensorType type) =>
        type is SafeTensorType.F16 or SafeTensorType.BF16 or SafeTensorType.F32 or SafeTensorType.F64;

    /// <summary>Reads a header name; the case matters, as in the format's definition.</summary>
    /// <returns>False for a name that this library does not know.</returns>
    public static bool TryParse(string code, out SafeTensorType type)
    {
        foreach (SafeTensorType candidate in Enum.GetValues<SafeTensorType>())
        {
            if (candidate.Code() == code)
            {
                type = candidate;
                return true;
            }
        }
        type = default;
        return false;
    }

    /// <summary>True when an array of <typeparamref name="T"/> has exactly this layout; BF16 is read as <see cref="ushort"/>.</summary>
    internal static bool Holds<T>(this SafeTensorType type) where T : unmanaged => type switch
    {
        SafeTensorType.Bool => typeof(T) == typeof(bool),
        SafeTensorType.U8 => typeof(T) == typeof(byte),
        SafeTensorType.I8 => typeof(T) == typeof(sbyte),
        SafeTensorType.I16 => typeof(T) == typeof(short),
        SafeTensorType.F16 => typeof(T) == typeof(Half),
        SafeTensorType.BF16 => typeof(T) == typeof(ushort),
        SafeTensorType.I32 => typeof(T) == typeof(int),
        SafeTensorType.F32 => typeof(T) == typeof(float),
        SafeTensorType.I64 => typeof(T) == typeof(long),
        _ => typeof(T) == typeof(double),
    };
}
