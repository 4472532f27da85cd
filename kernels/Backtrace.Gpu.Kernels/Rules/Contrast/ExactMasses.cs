using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>Sums the masses of the units that <see cref="UnbalancedUnits"/> lists anew, term by term. Some items, which are the rows of the launch, share the list of a row.</summary>
internal unsafe struct ExactMasses : IRowKernel
{
    public const int ItemsPerRow = 16;

    public ArrayView<float> X;
    public ArrayView<float> W;
    public ArrayView<float> List;
    public ArrayView<float> P;
    public ArrayView<float> N;
    public long Inputs;
    public long Outputs;

    public readonly void Run<TThreads>(long item)
        where TThreads : struct, IRowThreads
    {
        float* w = W.Pointer();
        long row = item / ItemsPerRow;
        float* x = X.Pointer() + row * Inputs;
        float* columns = List.Pointer() + row * (Outputs + 1);
        long count = Interop.FloatAsInt(columns[0]);
        for (long k = 1 + (item - row * ItemsPerRow); k <= count; k += ItemsPerRow)
        {
            long column = Interop.FloatAsInt(columns[k]);
            float p = 0, n = 0;
            for (long i = TThreads.Index; i < Inputs; i += TThreads.Count)
            {
                float z = x[i] * w[column * Inputs + i];
                p += IntrinsicMath.Max(z, 0f);
                n += IntrinsicMath.Max(-z, 0f);
            }

            p = TThreads.Sum(p);
            n = TThreads.Sum(n);
            if (TThreads.Index == 0)
            {
                P.Pointer()[row * Outputs + column] = p;
                N.Pointer()[row * Outputs + column] = n;
            }
        }
    }
}
