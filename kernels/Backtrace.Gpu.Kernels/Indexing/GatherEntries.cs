using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Indexing;

/// <summary>target[k, i] = source[rows[k], columns[i]]. Lists hold bits of integers.</summary>
internal unsafe struct GatherEntries : IKernel
{
    public ArrayView<float> Source;
    public ArrayView<float> Rows;
    public ArrayView<float> Columns;

    /// <summary>1: column i is i.</summary>
    public int AllColumns;
    public ArrayView<float> Target;

    /// <summary>Columns of the target.</summary>
    public long Width;

    /// <summary>Columns of the source.</summary>
    public long Stride;

    public readonly void Run(Share share)
    {
        float* source = Source.Pointer();
        float* rows = Rows.Pointer();
        float* columns = Columns.Pointer();
        float* target = Target.Pointer();
        for (long item = share.Begin; item < share.End; item += share.Step)
        {
            long k = item / Width, i = item - k * Width;
            long row = Interop.FloatAsInt(rows[k]);
            long column = AllColumns != 0 ? i : Interop.FloatAsInt(columns[i]);
            target[item] = source[row * Stride + column];
        }
    }
}
