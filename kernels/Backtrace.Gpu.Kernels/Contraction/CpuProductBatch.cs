using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>Many small products of one shape: a thread computes whole ones, or rows of them where there are fewer than threads.</summary>
internal unsafe struct CpuProductBatch(in CpuProductTask first, in ProductShape shape) : ICpuTask
{
    private const long ParallelThreshold = 200_000;

    private readonly ProductShape shape = shape;
    private CpuProductTask first = first;
    private int rowParts = 1;
    private int parts = 1;

    /// <summary>Floats that a part needs.</summary>
    public readonly nint Slab => new CpuProductPlan(first, shape.Columns).End;

    /// <summary>Decides how the work is cut for <paramref name="threads"/> threads and returns the number of parts.</summary>
    public int Cut(int threads)
    {
        if (threads == 1 || (long)shape.Batch * shape.Rows * shape.Columns * shape.Depth < ParallelThreshold)
            return 1;
        bool isEven = shape.Batch % threads == 0 || shape.Batch >= 8 * threads;
        rowParts = isEven ? 1 : Math.Clamp(shape.Rows / first.Tile.Rows, 1, threads);
        return parts = Math.Min(threads, shape.Batch * rowParts);
    }

    /// <summary>Computes the products of part <paramref name="part"/>.</summary>
    public readonly void Run<TEpilogue>(in TEpilogue epilogue, int part)
        where TEpilogue : struct, IElementwise
    {
        var plan = new CpuProductPlan(first, shape.Columns);
        float* slab = first.Slabs + (part * first.Slab);
        long pieces = (long)shape.Batch * rowParts;
        for (long piece = pieces * part / parts; piece < pieces * (part + 1) / parts; piece++)
        {
            long n = piece / rowParts, rows = piece - (n * rowParts);
            CpuProductTask product = first;
            product.A += n * shape.StrideA;
            product.B += n * shape.StrideB;
            product.C += n * shape.StrideC;
            product.First = n * shape.StrideC;
            int begin = (int)(shape.Rows * rows / rowParts), end = (int)(shape.Rows * (rows + 1) / rowParts);
            CpuProduct.Run(product, epilogue, plan, slab, begin, end, 0, shape.Columns);
        }
    }

    /// <inheritdoc/>
    public void Use(float* slabs, nint floats) => first.Use(slabs, floats);
}
