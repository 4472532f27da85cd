using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>Rounds fp32 numbers to bf16, to nearest and even, in the orders that <see cref="BFloat16Kernel"/> reads.</summary>
internal static unsafe class CpuBFloat16
{
    /// <summary>Numbers that are rounded at once.</summary>
    public const int Lanes = 32;

    private static Vector512<ushort> UpperHalves => Vector512<ushort>.Indices + Vector512<ushort>.Indices + Vector512<ushort>.One;

    /// <summary>The number in the upper half of each entry; the lower half is of no meaning.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Round(Vector512<float> value)
    {
        var bits = value.AsUInt32();
        return bits + Vector512.Create(0x7fffu) + (Vector512.ShiftRightLogical(bits, 16) & Vector512<uint>.One);
    }

    /// <summary>One number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Round(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>32 adjacent numbers, in their order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ushort> Join(Vector512<uint> low, Vector512<uint> high) => Avx512BW.IsSupported
        ? Avx512BW.PermuteVar32x16x2(low.AsUInt16(), UpperHalves, high.AsUInt16())
        : Vector512.Narrow(Vector512.ShiftRightLogical(low, 16), Vector512.ShiftRightLogical(high, 16));

    /// <summary>Pairs of a number of <paramref name="first"/> and one of <paramref name="second"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Pairs(Vector512<uint> first, Vector512<uint> second) =>
        Vector512.ShiftRightLogical(first, 16) | (second & Vector512.Create(0xffff0000u));

    /// <summary>Reads a row.</summary>
    public static void Copy(CpuReading read, float* source, ushort* target, nint count)
    {
        if (count < Lanes)
        {
            for (nint i = 0; i < count; i++)
                target[i] = Round(read.Of(source[i]));
            return;
        }

        nint last = count - Lanes;
        for (nint i = 0; i < last; i += Lanes)
            Adjacent(read, source + i).Store(target + i);
        Adjacent(read, source + last).Store(target + last);
    }

    /// <summary>32 adjacent numbers, floats or bf16, that are read as <paramref name="read"/> says.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ushort> Adjacent<T>(CpuReading read, T* source)
        where T : unmanaged => typeof(T) == typeof(ushort)
            ? read.Of(Vector512.Load((ushort*)source))
            : Join(Round(read.Of(Vector512.Load((float*)source))), Round(read.Of(Vector512.Load((float*)source + 16))));

    /// <summary>One number, a float or bf16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort One<T>(CpuReading read, T* source)
        where T : unmanaged =>
        Round(read.Of(typeof(T) == typeof(ushort) ? BitConverter.UInt32BitsToSingle((uint)*(ushort*)source << 16) : *(float*)source));

    /// <summary>Reads two rows into one row of pairs; without a second row, its place is taken by zeros.</summary>
    public static void Pair<T>(CpuReading read, T* first, T* second, ushort* target, nint count)
        where T : unmanaged
    {
        nint i = 0;
        for (; i <= count - Lanes; i += Lanes)
        {
            var (even, odd) = (Adjacent(read, first + i), second == null ? Vector512<ushort>.Zero : Adjacent(read, second + i));
            (Vector512.WidenLower(even) | Vector512.ShiftLeft(Vector512.WidenLower(odd), 16)).AsUInt16().Store(target + (2 * i));
            (Vector512.WidenUpper(even) | Vector512.ShiftLeft(Vector512.WidenUpper(odd), 16)).AsUInt16().Store(target + (2 * i) + Lanes);
        }

        for (; i < count; i++)
        {
            target[2 * i] = One(read, first + i);
            target[(2 * i) + 1] = second == null ? (ushort)0 : One(read, second + i);
        }
    }
}
