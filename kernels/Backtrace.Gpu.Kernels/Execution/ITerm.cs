using System.Runtime.CompilerServices;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>Addresses that a term of a row sum reads, taken once per thread.</summary>
public unsafe struct TermPointers
{
    /// <summary>First operand.</summary>
    public float* A;

    /// <summary>Second operand.</summary>
    public float* B;

    /// <summary>Third operand.</summary>
    public float* C;

    /// <summary>Fourth operand, or where a term leaves a result.</summary>
    public float* D;

    /// <summary>Fifth operand, or where a term leaves a result.</summary>
    public float* E;
}

/// <summary>What <see cref="RowSums"/> adds up.</summary>
public unsafe interface ITerm
{
    /// <summary>Takes the addresses of the operands.</summary>
    TermPointers Open();

    /// <summary>
    /// The term at position <paramref name="column"/> of a row whose first entry has the flat index <paramref name="row"/>. Asked for once
    /// per position, so that a term may also store what it computed there.
    /// </summary>
    static abstract TLane At<TLane>(in TermPointers pointers, long row, long column)
        where TLane : struct, ILane<TLane>;
}

/// <summary>x.</summary>
public unsafe struct ValueTerm : ITerm
{
    /// <summary>The values.</summary>
    public ArrayView<float> Values;

    /// <inheritdoc/>
    public readonly TermPointers Open() => new() { A = Values.Pointer() };

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane At<TLane>(in TermPointers pointers, long row, long column)
        where TLane : struct, ILane<TLane> =>
        TLane.Load(pointers.A + (row + column));
}

/// <summary>|x|.</summary>
public unsafe struct AbsoluteTerm : ITerm
{
    /// <summary>The values.</summary>
    public ArrayView<float> Values;

    /// <inheritdoc/>
    public readonly TermPointers Open() => new() { A = Values.Pointer() };

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane At<TLane>(in TermPointers pointers, long row, long column)
        where TLane : struct, ILane<TLane> =>
        TLane.Abs(TLane.Load(pointers.A + (row + column)));
}

/// <summary>x·|w|, a weight for each entry.</summary>
public unsafe struct ProductTerm : ITerm
{
    /// <summary>The values.</summary>
    public ArrayView<float> Values;

    /// <summary>The weights.</summary>
    public ArrayView<float> Weights;

    /// <inheritdoc/>
    public readonly TermPointers Open() => new() { A = Values.Pointer(), B = Weights.Pointer() };

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane At<TLane>(in TermPointers pointers, long row, long column)
        where TLane : struct, ILane<TLane> =>
        TLane.Load(pointers.A + (row + column)) * TLane.Abs(TLane.Load(pointers.B + (row + column)));
}

/// <summary>x where the test value is 0, else nothing.</summary>
public unsafe struct WhereZeroTerm : ITerm
{
    /// <summary>The values.</summary>
    public ArrayView<float> Values;

    /// <summary>Tested for zero.</summary>
    public ArrayView<float> Test;

    /// <inheritdoc/>
    public readonly TermPointers Open() => new() { A = Values.Pointer(), B = Test.Pointer() };

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane At<TLane>(in TermPointers pointers, long row, long column)
        where TLane : struct, ILane<TLane> =>
        TLane.WhereZero(TLane.Load(pointers.B + (row + column)), TLane.Load(pointers.A + (row + column)), TLane.All(0));
}
