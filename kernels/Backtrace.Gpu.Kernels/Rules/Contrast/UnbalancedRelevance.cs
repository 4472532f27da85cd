using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>Adds what the listed units hand out, contribution by contribution. An item is a row and a chunk of its inputs.</summary>
internal unsafe struct UnbalancedRelevance : IKernel
{
    public const int Chunk = 64;

    public ArrayView<float> X;
    public ArrayView<float> W;
    public ArrayView<float> List;
    public ArrayView<float> ToP;
    public ArrayView<float> ToN;
    public ArrayView<float> Supporting;
    public ArrayView<float> Opposing;
    public long Units;
    public long Inputs;
    public long Outputs;
    public long Chunks;

    public readonly void Run(Share share)
    {
        float* x = X.Pointer();
        float* w = W.Pointer();
        float* list = List.Pointer();
        float* toP = ToP.Pointer();
        float* toN = ToN.Pointer();
        float* supporting = Supporting.Pointer();
        float* opposing = Opposing.Pointer();
        for (long item = share.Begin; item < share.End; item += share.Step)
        {
            long row = item / Chunks;
            long begin = (item - row * Chunks) * Chunk;
            long end = IntrinsicMath.Min(begin + Chunk, Inputs);
            float* columns = list + row * (Outputs + 1);
            long count = Interop.FloatAsInt(columns[0]);
            for (long k = 1; k <= count; k++)
            {
                long column = Interop.FloatAsInt(columns[k]);
                long unit = row * Outputs + column;
                float a = toP[unit], b = toN[unit], c = toP[Units + unit], d = toN[Units + unit];
                for (long i = begin; i < end; i++)
                {
                    float z = x[row * Inputs + i] * w[column * Inputs + i];
                    float p = IntrinsicMath.Max(z, 0f), n = IntrinsicMath.Max(-z, 0f);
                    supporting[row * Inputs + i] += p * a + n * b;
                    opposing[row * Inputs + i] += p * c + n * d;
                }
            }
        }
    }
}
