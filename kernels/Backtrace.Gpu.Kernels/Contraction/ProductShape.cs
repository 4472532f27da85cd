namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// Sizes of <paramref name="Batch"/> products C[n] (+)= A[n]·B[n] of matrices [Rows, Depth] and [Depth, Columns], each row-major. From one
/// product to the next, the operands and the result are a stride apart that may be larger than a matrix; those of the operands may be 0.
/// </summary>
/// <param name="Batch">Number of products.</param>
/// <param name="Rows">Rows of A and C.</param>
/// <param name="Columns">Columns of B and C.</param>
/// <param name="Depth">Columns of A, rows of B.</param>
public readonly record struct ProductShape(int Batch, int Rows, int Columns, int Depth)
{
    /// <summary>True if A[n] lies in memory as [Depth, Rows].</summary>
    public bool TransposedA { get; init; }

    /// <summary>True if B[n] lies in memory as [Columns, Depth].</summary>
    public bool TransposedB { get; init; }

    /// <summary>True if the products are added to what is in C.</summary>
    public bool Accumulates { get; init; }

    /// <summary>True if operands must not be rounded: for sums of terms of both signs that an exponential follows.</summary>
    public bool IsExact { get; init; }

    /// <summary>Entries from A[n] to A[n+1].</summary>
    public long StrideA { get; init; } = (long)Rows * Depth;

    /// <summary>Entries from B[n] to B[n+1].</summary>
    public long StrideB { get; init; } = (long)Depth * Columns;

    /// <summary>Entries from C[n] to C[n+1].</summary>
    public long StrideC { get; init; } = (long)Rows * Columns;

    /// <summary>True if there is no sum to compute or nothing to store it in.</summary>
    public bool IsEmpty => Batch == 0 || Rows == 0 || Columns == 0;

    /// <summary>True if there are no entries between the results.</summary>
    public bool IsGapless => StrideC == (long)Rows * Columns;
}
