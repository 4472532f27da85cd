using System.Runtime.CompilerServices;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// How 256 threads work on a tile. A tile of an operand is 64 lines (rows of the left operand, columns of the right one) by 16 steps of
/// the sum; in shared memory the lines of a step lie side by side, so that a thread reads its four lines as one <see cref="Quad"/>.
/// </summary>
internal static unsafe class TiledLayout
{
    public const int Threads = 256;
    public const int Lines = 64;
    public const int Depth = 16;

    /// <summary>Quads per step: one more than the lines fill, so that threads that write along steps use different banks.</summary>
    public const int Pitch = Lines / 4 + 1;

    /// <summary>Steps that are summed before they join the total: sums do not depend on how the steps were shared out.</summary>
    public const int Chunk = 256;

    // What is read instead of bits and a mask.
    private const int PositiveSide = 1, NegativeSide = 2;

    /// <summary>The part of the operand's entry that <paramref name="mask"/> stands for, or 0 outside of it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Read(float* values, long index, bool inside, int mask)
    {
        float value = Of(values[inside ? index : 0L], mask);
        return inside ? value : 0f;
    }

    /// <summary>The part of a value that <paramref name="mask"/> stands for.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Of(float value, int mask)
    {
        if (mask == PositiveSide)
            value = IntrinsicMath.Max(value, 0f);
        else if (mask == NegativeSide)
            value = IntrinsicMath.Max(-value, 0f);
        else
            value = Interop.IntAsFloat((uint)(Interop.FloatAsInt(value) & mask));
        return value;
    }

    /// <summary>The bits of an entry that take part, none without operand; or the code of one side.</summary>
    public static int Mask(Operand operand) => !operand.IsPresent ? 0 : operand.Part switch
    {
        Part.Absolute => int.MaxValue,
        Part.Positive => PositiveSide,
        Part.Negative => NegativeSide,
        _ => -1,
    };

    /// <summary>Stores what a thread read along steps: lines t/16 + 16k of step t%16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PlaceAlongSteps(ArrayView<float> tile, int thread, Quad values)
    {
        int at = (thread & 15) * Pitch * 4 + (thread >> 4);
        tile[at] = values.X;
        tile[at + 16] = values.Y;
        tile[at + 32] = values.Z;
        tile[at + 48] = values.W;
    }

    /// <summary>Stores what a thread read along lines: steps t/64 + 4k of line t%64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PlaceAlongLines(ArrayView<float> tile, int thread, Quad values)
    {
        int at = (thread >> 6) * Pitch * 4 + (thread & 63);
        tile[at] = values.X;
        tile[at + 4 * Pitch * 4] = values.Y;
        tile[at + 8 * Pitch * 4] = values.Z;
        tile[at + 12 * Pitch * 4] = values.W;
    }
}
