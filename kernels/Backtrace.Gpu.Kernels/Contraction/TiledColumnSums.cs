using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Contraction;

/// <summary>
/// x[n,i] = Σ_j y[n,j]·w[j,i] for up to four n: a thread per column, the rows of w in parts that are summed up by
/// <see cref="TiledParts"/>. Rows whose coefficients are zero are not read.
/// </summary>
internal unsafe struct TiledColumnSums<TCount> : IGroupKernel
    where TCount : struct, IVectorCount
{
    public ArrayView<float> Y;
    public ArrayView<float> W;
    public ArrayView<float> X;
    public int MaskY;
    public int MaskW;
    public int Vectors;
    public int RowsPerPart;
    public long Inputs;
    public long Outputs;

    public readonly void Run()
    {
        long column = (long)Grid.IdxX * TiledLayout.Threads + Group.IdxX;
        if (column >= Inputs)
            return;
        long begin = (long)Grid.IdxY * RowsPerPart;
        long end = IntrinsicMath.Min(begin + RowsPerPart, Outputs);
        float* w = W.Pointer();
        Quad sum = default;
        for (long row = begin; row < end; row += 4)
        {
            Quad a = Coefficients(row, end);
            Quad b = Coefficients(row + 1, end);
            Quad c = Coefficients(row + 2, end);
            Quad d = Coefficients(row + 3, end);
            if (IsZero(a) & IsZero(b) & IsZero(c) & IsZero(d))
                continue;
            float wa = Weight(w, row, column, a);
            float wb = Weight(w, row + 1, column, b);
            float wc = Weight(w, row + 2, column, c);
            float wd = Weight(w, row + 3, column, d);
            sum = Add(sum, wa, a);
            sum = Add(sum, wb, b);
            sum = Add(sum, wc, c);
            sum = Add(sum, wd, d);
        }

        float* x = X.Pointer();
        long at = (long)Grid.IdxY * Vectors * Inputs + column;
        x[at] = sum.X;
        if (TCount.IsOne)
            return;
        if (Vectors > 1)
            x[at + Inputs] = sum.Y;
        if (Vectors > 2)
            x[at + 2 * Inputs] = sum.Z;
        if (Vectors > 3)
            x[at + 3 * Inputs] = sum.W;
    }

    private static bool IsZero(Quad q) => TCount.IsOne ? q.X == 0 : q.X == 0 & q.Y == 0 & q.Z == 0 & q.W == 0;

    private static Quad Add(Quad sum, float weight, Quad coefficients)
    {
        sum.X += weight * coefficients.X;
        if (!TCount.IsOne)
        {
            sum.Y += weight * coefficients.Y;
            sum.Z += weight * coefficients.Z;
            sum.W += weight * coefficients.W;
        }

        return sum;
    }

    private readonly float Weight(float* w, long row, long column, Quad coefficients) =>
        TiledLayout.Read(w, row * Inputs + column, !IsZero(coefficients), MaskW);

    private readonly Quad Coefficients(long row, long end)
    {
        bool inside = row < end;
        float* y = Y.Pointer();
        Quad quad = default;
        quad.X = TiledLayout.Read(y, row, inside, MaskY);
        if (!TCount.IsOne)
        {
            quad.Y = TiledLayout.Read(y, Outputs + row, inside & Vectors > 1, MaskY);
            quad.Z = TiledLayout.Read(y, 2 * Outputs + row, inside & Vectors > 2, MaskY);
            quad.W = TiledLayout.Read(y, 3 * Outputs + row, inside & Vectors > 3, MaskY);
        }

        return quad;
    }
}
