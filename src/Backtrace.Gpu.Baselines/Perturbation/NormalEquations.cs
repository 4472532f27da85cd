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
    internal double[]? Solve(double ridge = 0) => Cholesky.Of(gram, ridge)?.Solve(right);
}
