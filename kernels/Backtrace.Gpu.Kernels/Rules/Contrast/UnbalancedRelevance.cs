using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules.Contrast;

/// <summary>
/// Adds what the listed units hand out, contribution by contribution. An item is a row and a part of its inputs: a chunk, or on GPUs, where neighbours read
/// neighbouring addresses, one of every few.
/// </summary>
internal unsafe struct UnbalancedRelevance : IKernel
{
    public const int Chunk = 64;

    public ArrayView<float> X;
    public ArrayView<float> W;
    public ArrayView<float> List;

    /// <summary>What the units have and hold.</summary>
    public SignedShares Shares;
    public ArrayView<float> ToSupporting;
    public ArrayView<float> ToOpposing;
    public long Inputs;
    public long Outputs;
    public long Chunks;

    public readonly void Run(Share share)
    {
        float* x = X.Pointer();
        float* w = W.Pointer();
        float* list = List.Pointer();
        float* positive = Shares.P.Pointer();
        float* negative = Shares.N.Pointer();
        float* value = Shares.Value.Pointer();
        float* supporting = Shares.Supporting.Pointer();
        float* opposing = Shares.Opposing.Pointer();
        float* toSupporting = ToSupporting.Pointer();
        float* toOpposing = ToOpposing.Pointer();
        for (long item = share.Begin; item < share.End; item += share.Step)
        {
            long row = item / Chunks;
            long part = item - row * Chunks;
            bool isChunk = share.Step == 1;
            long begin = isChunk ? part * Chunk : part;
            long end = isChunk ? IntrinsicMath.Min(begin + Chunk, Inputs) : Inputs;
            long step = isChunk ? 1 : Chunks;
            float* columns = list + row * (Outputs + 1);
            long count = Interop.FloatAsInt(columns[0]);
            for (long k = 1; k <= count; k++)
            {
                long column = Interop.FloatAsInt(columns[k]);
                long unit = row * Outputs + column;
                Shares<Scalar> shares = Shares<Scalar>.Of(
                    Scalar.All(positive[unit]), Scalar.All(negative[unit]), Scalar.All(value[unit]), Scalar.All(supporting[unit]), Scalar.All(opposing[unit]));
                for (long i = begin; i < end; i += step)
                {
                    float z = x[row * Inputs + i] * w[column * Inputs + i];
                    Scalar p = Scalar.All(IntrinsicMath.Max(z, 0f)), n = Scalar.All(IntrinsicMath.Max(-z, 0f));
                    float* s = toSupporting + (row * Inputs + i);
                    float* o = toOpposing + (row * Inputs + i);
                    Scalar.Store(s, Scalar.Load(s) + p * shares.SupportingP + n * shares.SupportingN);
                    Scalar.Store(o, Scalar.Load(o) + p * shares.OpposingP + n * shares.OpposingN);
                }
            }
        }
    }
}
