using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>Sums the masses of the units that <see cref="UnbalancedUnits"/> lists anew, term by term. Some items, which are the rows of the launch, share the list of a row.</summary>
internal unsafe struct ExactMasses<TLane> : IRowKernel
    where TLane : struct, ILane<TLane>
{
    public UnitOperands Operands;
    public ArrayView<float> List;
    public ArrayView<float> P;
    public ArrayView<float> N;

    /// <summary>How many items share a row.</summary>
    public int ItemsPerRow;

    public readonly void Run<TThreads>(long item)
        where TThreads : struct, IRowThreads
    {
        long row = item / ItemsPerRow, outputs = Operands.Outputs;
        float* x = Operands.X.Pointer() + Operands.PlaceOfInputs(row);
        float* weights = Operands.W.Pointer();
        float* columns = List.Pointer() + row * (outputs + 1);
        long count = Interop.FloatAsInt(columns[0]);
        for (long k = 1 + (item - row * ItemsPerRow); k <= count; k += ItemsPerRow)
        {
            long column = Interop.FloatAsInt(columns[k]);
            float* w = weights + Operands.PlaceOfWeights(row, column);
            float p = 0, n = 0;
            if (TThreads.Count == 1)
            {
                Contributions.Sum<TLane>(x, w, Operands.Inputs, out p, out n);
            }
            else
            {
                for (long i = TThreads.Index; i < Operands.Inputs; i += TThreads.Count)
                {
                    float z = x[i] * w[i];
                    p += IntrinsicMath.Max(z, 0f);
                    n += IntrinsicMath.Max(-z, 0f);
                }

                p = TThreads.Sum(p);
                n = TThreads.Sum(n);
            }

            if (TThreads.Index == 0)
            {
                P.Pointer()[row * outputs + column] = p;
                N.Pointer()[row * outputs + column] = n;
            }
        }
    }
}
