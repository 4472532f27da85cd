using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Indexing;

/// <summary>target[rows[k], i] = source[k, i]; no row is named twice. The list holds bits of integers.</summary>
internal unsafe struct ScatterRows : IKernel
{
    public ArrayView<float> Source;
    public ArrayView<float> Rows;
    public ArrayView<float> Target;
    public long Width;

    public readonly void Run(Share share)
    {
        float* source = Source.Pointer();
        float* rows = Rows.Pointer();
        float* target = Target.Pointer();
        for (long item = share.Begin; item < share.End; item += share.Step)
        {
            long k = item / Width;
            long row = Interop.FloatAsInt(rows[k]);
            target[row * Width + (item - k * Width)] = source[item];
        }
    }
}
