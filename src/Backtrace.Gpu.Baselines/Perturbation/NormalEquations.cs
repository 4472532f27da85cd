using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>Weighted least squares in double precision: XᵀWX b = XᵀWy, solved by Cholesky.</summary>
internal sealed class NormalEquations(double[,] gram, double[] right)
{
    /// <summary>XᵀWX.</summary>
    internal double[,] Gram => gram;

    /// <summary>XᵀWy.</summary>
    internal double[] Right => right;

    /// <param name="x">[K, M], 64-bit.</param>
    /// <param name="y">[K], 64-bit.</param>
    /// <param name="weights">[K], 64-bit.</param>
    internal static NormalEquations Of(Tensor x, Tensor y, Tensor weights)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor weighted = (x * weights.unsqueeze(1)).t();
        int unknowns = (int)x.shape[1];
        double[,] gram = new double[unknowns, unknowns];
        Buffer.BlockCopy(weighted.matmul(x).contiguous().data<double>().ToArray(), 0, gram, 0, gram.Length * sizeof(double));
        return new NormalEquations(gram, weighted.matmul(y).contiguous().data<double>().ToArray());
    }

    /// <summary>The equations of some of the unknowns, the others being 0.</summary>
    internal NormalEquations Of(IReadOnlyList<int> kept)
    {
        double[,] part = new double[kept.Count, kept.Count];
        for (int i = 0; i < kept.Count; i++)
        {
            for (int j = 0; j < kept.Count; j++)
                part[i, j] = gram[kept[i], kept[j]];
        }

        return new NormalEquations(part, [.. kept.Select(k => right[k])]);
    }

    /// <summary>The solution; null if the equations do not determine it.</summary>
    /// <param name="ridge">Added to the diagonal.</param>
    internal double[]? Solve(double ridge = 0)
    {
        int n = right.Length;
        double[,] lower = new double[n, n];
        double[] x = [.. right];
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                double sum = gram[i, j] + (i == j ? ridge : 0);
                for (int k = 0; k < j; k++)
                    sum -= lower[i, k] * lower[j, k];
                if (i == j && !(sum > 1e-12 * (gram[i, i] + ridge))) // what is left of a pivot is rounding
                    return null;
                lower[i, j] = i == j ? Math.Sqrt(sum) : sum / lower[j, j];
            }

            for (int k = 0; k < i; k++)
                x[i] -= lower[i, k] * x[k];
            x[i] /= lower[i, i];
        }

        for (int i = n - 1; i >= 0; i--)
        {
            for (int k = i + 1; k < n; k++)
                x[i] -= lower[k, i] * x[k];
            x[i] /= lower[i, i];
        }

        return x;
    }
}
