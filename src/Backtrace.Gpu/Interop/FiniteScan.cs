using System.Numerics;
using System.Runtime.CompilerServices;

namespace Backtrace.Gpu.Interop;

/// <summary>Finds NaN and infinities by their exponent bits, which costs one read of memory and needs no arithmetic on halves.</summary>
internal static unsafe class FiniteScan
{
    /// <summary>Index of the first NaN or infinity, or -1.</summary>
    internal static long FirstNonFinite(byte* data, long count, SafeTensorType type) => type switch
    {
        SafeTensorType.F64 => Scan<ulong>((ulong*)data, count, 0x7FF0_0000_0000_0000),
        SafeTensorType.F32 => Scan<uint>((uint*)data, count, 0x7F80_0000u),
        SafeTensorType.F16 => Scan<ushort>((ushort*)data, count, 0x7C00),
        SafeTensorType.BF16 => Scan<ushort>((ushort*)data, count, 0x7F80),
        _ => -1,
    };

    private static long Scan<T>(T* data, long count, T exponent) where T : unmanaged, IBinaryInteger<T>
    {
        Vector<T> mask = new(exponent);
        long i = 0;
        for (; i <= count - Vector<T>.Count; i += Vector<T>.Count)
        {
            // The data area of a file need not be aligned.
            Vector<T> bits = Unsafe.ReadUnaligned<Vector<T>>(data + i);
            if (Vector.EqualsAny(bits & mask, mask))
                break;
        }
        for (; i < count; i++)
        {
            if ((Unsafe.ReadUnaligned<T>(data + i) & exponent) == exponent)
                return i;
        }
        return -1;
    }
}
