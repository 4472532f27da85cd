using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>Sums the masses of the units that <see cref="UnbalancedUnits"/> lists anew, term by term. Some items share the list of a row.</summary>
internal unsafe struct ExactMasses : IKernel
{
    public const int ItemsPerRow = 16;

    public ArrayView<float> X;
    public ArrayView<float> W;
    public ArrayView<float> List;
    public ArrayView<float> P;
    public ArrayView<float> N;
    public long Inputs;
    public long Outputs;

    public readonly void Run(Share share)
    {
        float* x = X.Pointer();
        float* w = W.Pointer();
        float* list = List.Pointer();
        float* positive = P.Pointer();
        float* negative = N.Pointer();
        for (long item = share.Begin; item < share.End; item += share.Step)
        {
            long row = item / ItemsPerRow;
            float* columns = list + row * (Outputs + 1);
            long count = Interop.FloatAsInt(columns[0]);
            for (long k = 1 + (item - row * ItemsPerRow); k <= count; k += ItemsPerRow)
            {
                long column = Interop.FloatAsInt(columns[k]);
                float p = 0, n = 0;
                for (long i = 0; i < Inputs; i++)
                {
                    float z = x[row * Inputs + i] * w[column * Inputs + i];
                    p += IntrinsicMath.Max(z, 0f);
                    n += IntrinsicMath.Max(-z, 0f);
                }

                positive[row * Outputs + column] = p;
                negative[row * Outputs + column] = n;
            }
        }
    }
}
