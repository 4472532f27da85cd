using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>How many vectors a matrix-vector kernel serves with one reading of the matrix: known to the compiler.</summary>
internal interface IVectorCount
{
    static abstract bool IsOne { get; }
}

/// <summary>One vector.</summary>
internal readonly struct OneVector : IVectorCount
{
    public static bool IsOne => true;
}

/// <summary>Up to four vectors.</summary>
internal readonly struct FourVectors : IVectorCount
{
    public static bool IsOne => false;
}

/// <summary>
/// y[n,j] = bias[j] + Σ_i x[n,i]·w[j,i] for up to four n: 32 threads per row of w, which is read once, and a tree over their sums.
/// </summary>
internal unsafe struct TiledRowDots<TCount> : IGroupKernel
    where TCount : struct, IVectorCount
{
    public const int RowsPerGroup = TiledLayout.Threads / Lanes;
    private const int Lanes = 32;

    public ArrayView<float> X;
    public ArrayView<float> W;
    public ArrayView<float> Bias;
    public ArrayView<float> Y;
    public int MaskX;
    public int MaskW;
    public int BiasMask;
    public int Vectors;
    public long Inputs;
    public long Outputs;

    public readonly void Run()
    {
        ArrayView<Quad> shared = SharedMemory.Allocate<Quad>(TiledLayout.Threads);
        int thread = Group.IdxX;
        int lane = thread & (Lanes - 1);
        long row = (long)Grid.IdxX * RowsPerGroup + thread / Lanes;
        Quad sum = default;
        if (row < Outputs)
        {
            long i = lane;
            for (; i + 3 * Lanes < Inputs; i += 4 * Lanes)
            {
                float a = Weight(row, i);
                float b = Weight(row, i + Lanes);
                float c = Weight(row, i + 2 * Lanes);
                float d = Weight(row, i + 3 * Lanes);
                sum = Add(sum, a, i);
                sum = Add(sum, b, i + Lanes);
                sum = Add(sum, c, i + 2 * Lanes);
                sum = Add(sum, d, i + 3 * Lanes);
            }

            for (; i < Inputs; i += Lanes)
                sum = Add(sum, Weight(row, i), i);
        }

        shared[thread] = sum;
        Group.Barrier();
        for (int distance = Lanes / 2; distance > 0; distance >>= 1)
        {
            if (lane < distance)
                shared[thread] = shared[thread] + shared[thread + distance];
            Group.Barrier();
        }

        if (lane == 0 & row < Outputs)
            Store(row, shared[thread]);
    }

    private readonly float Weight(long row, long i) => TiledLayout.Read(W.Pointer(), row * Inputs + i, true, MaskW);

    private readonly float Entry(int vector, long i) => TiledLayout.Read(X.Pointer(), vector * Inputs + i, vector < Vectors, MaskX);

    private readonly Quad Add(Quad sum, float weight, long i)
    {
        sum.X += weight * Entry(0, i);
        if (!TCount.IsOne)
        {
            sum.Y += weight * Entry(1, i);
            sum.Z += weight * Entry(2, i);
            sum.W += weight * Entry(3, i);
        }

        return sum;
    }

    private readonly void Store(long row, Quad sum)
    {
        float bias = BiasMask != 0 ? TiledLayout.Read(Bias.Pointer(), row, true, BiasMask) : 0;
        float* y = Y.Pointer();
        y[row] = sum.X + bias;
        if (TCount.IsOne)
            return;
        if (Vectors > 1)
            y[Outputs + row] = sum.Y + bias;
        if (Vectors > 2)
            y[2 * Outputs + row] = sum.Z + bias;
        if (Vectors > 3)
            y[3 * Outputs + row] = sum.W + bias;
    }
}
