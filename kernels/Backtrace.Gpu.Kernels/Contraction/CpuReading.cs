using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>How the entries of an operand are read: which part of them, rounded to bf16 or not.</summary>
internal readonly unsafe struct CpuReading(Part part, ContractionPrecision precision)
{
    private readonly int mask = part == Part.Absolute ? int.MaxValue : -1;
    private readonly int flip = part == Part.Negative ? int.MinValue : 0;
    private readonly bool oneSided = part is Part.Positive or Part.Negative;
    private readonly bool rounded = precision == ContractionPrecision.BFloat16;

    /// <summary>True if entries are read as they are.</summary>
    public bool IsPlain => mask == -1 && !oneSided && !rounded;

    /// <summary>True if entries are rounded: better done once, into a copy.</summary>
    public bool IsRounded => rounded;

    /// <summary>True if entries of one sign are read as zero.</summary>
    public bool IsOneSided => oneSided;

    /// <summary>How to read what may have been rounded already.</summary>
    public CpuReading Rest => rounded ? new CpuReading(Part.Signed, ContractionPrecision.Single) : this;

    /// <summary>The AND that forms the magnitude, or keeps everything.</summary>
    public Vector256<float> Mask => Vector256.Create(mask).AsSingle();

    /// <summary>The bits that <see cref="CpuSide"/> flips.</summary>
    public Vector256<float> Flip => Vector256.Create(flip).AsSingle();

    /// <summary>One entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float Of(float value)
    {
        float v = BitConverter.Int32BitsToSingle((BitConverter.SingleToInt32Bits(value) & mask) ^ flip);
        v = oneSided ? Math.Max(v, 0) : v;
        return rounded ? Round(Vector256.CreateScalar(v)).ToScalar() : v;
    }

    /// <summary>Eight entries.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<float> Of(Vector256<float> value)
    {
        var v = value & Mask;
        if (oneSided)
            v = Vector256.MaxNative(v ^ Vector256.Create(flip).AsSingle(), Vector256<float>.Zero);
        return rounded ? Round(v) : v;
    }

    /// <summary>Sixteen entries, never rounded.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Of(Vector512<float> value)
    {
        var v = value & Vector512.Create(mask).AsSingle();
        return oneSided ? Vector512.MaxNative(v ^ Vector512.Create(flip).AsSingle(), Vector512<float>.Zero) : v;
    }

    /// <summary>32 bf16 numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<ushort> Of(Vector512<ushort> value)
    {
        var v = value & Vector512.Create((ushort)(mask >> 16));
        if (!oneSided)
            return v;
        v ^= Vector512.Create((ushort)(flip >> 16));
        return Vector512.AndNot(v, Vector512.ShiftRightArithmetic(v.AsInt16(), 15).AsUInt16());
    }

    /// <summary>Reads a row into memory that does not overlap it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Copy(float* source, float* target, nint count)
    {
        if (count < 8)
        {
            for (nint i = 0; i < count; i++)
                target[i] = Of(source[i]);
            return;
        }

        nint last = count - 8;
        for (nint i = 0; i < last; i += 8)
            Of(Vector256.Load(source + i)).Store(target + i);
        Of(Vector256.Load(source + last)).Store(target + last);
    }

    /// <summary>Reads entries <paramref name="phase"/>, phase + step, ... of a row that has <paramref name="available"/> entries.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void CopyStrided(float* source, nint available, nint phase, nint step, float* target, nint count)
    {
        nint i = 0;
        if (step == 2)
        {
            for (; i <= count - 8 && (2 * i) + 16 <= available; i += 8)
            {
                var (a, b) = (Vector256.Load(source + (2 * i)), Vector256.Load(source + (2 * i) + 8));
                Of(phase == 0 ? CpuShuffle.Even(a, b) : CpuShuffle.Odd(a, b)).Store(target + i);
            }
        }

        for (; i < count; i++)
            target[i] = Of(source[phase + (i * step)]);
    }

    /// <summary>Reads a row into its even and its odd entries, of which there is one less or as many.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Split(float* source, float* even, nint evens, float* odd, nint odds)
    {
        nint i = 0;
        for (; i <= odds - 8; i += 8)
        {
            var (a, b) = (Of(Vector256.Load(source + (2 * i))), Of(Vector256.Load(source + (2 * i) + 8)));
            CpuShuffle.Even(a, b).Store(even + i);
            CpuShuffle.Odd(a, b).Store(odd + i);
        }

        for (; i < odds; i++)
        {
            even[i] = Of(source[2 * i]);
            odd[i] = Of(source[(2 * i) + 1]);
        }

        if (i < evens)
            even[i] = Of(source[2 * i]);
    }

    // Inlined: a call in a loop, even one never made, costs the loop its registers.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Round(Vector256<float> value)
    {
        var bits = value.AsInt32();
        var odd = Vector256.ShiftRightLogical(bits, 16) & Vector256<int>.One;
        var rounded = (bits + odd + Vector256.Create(0x7fff)) & Vector256.Create(unchecked((int)0xffff0000));
        return Vector256.ConditionalSelect(Vector256.Equals(value, value), rounded.AsSingle(), value);
    }
}
