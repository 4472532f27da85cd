using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// Which players KernelSHAP keeps. As in shap, each coalition stands twice in the regression, once against the empty coalition and once against that of all, and
/// a path is followed on it. Differences to shap: the path is that of least angles also for the Akaike criterion (shap: the lasso's, which may drop players
/// again), and columns are centred but not scaled (shap scales without centring, then fits an intercept).
/// </summary>
internal static class L1Selection
{
    /// <param name="present">[K, M], 64-bit.</param>
    /// <param name="gains">Values of the coalitions less that of the empty one, [K], 64-bit.</param>
    /// <param name="weights">[K], 64-bit.</param>
    /// <param name="total">What all gain.</param>
    /// <param name="number">How many players are kept; null: the Akaike criterion decides.</param>
    internal static IReadOnlyList<int> Of(Tensor present, Tensor gains, Tensor weights, double total, int? number)
    {
        long players = present.shape[1];
        Tensor sizes = present.sum(1);
        Tensor doubled = cat([weights * (players - sizes), weights * sizes]).sqrt();
        Tensor x = cat([present, present - 1]) * doubled.unsqueeze(1), y = cat([gains, gains - total]) * doubled;
        Tensor unit = ones_like(y);
        if (number is int k)
            return [.. LeastAngles.Path(NormalEquations.Of(x, y, unit), k).Select(step => step.Entered)];

        x -= x.mean([0], keepdim: true);
        y -= y.mean();
        NormalEquations equations = NormalEquations.Of(x, y, unit);
        double squares = y.square().sum().item<double>();
        IReadOnlyList<(int Entered, double[] Coefficients)> path = LeastAngles.Path(equations, (int)players);
        double[] errors = [squares, .. path.Select(step => Error(equations, squares, step.Coefficients))];
        double noise = errors[^1] / Math.Max(1, y.shape[0] - path.Count - 1);
        if (noise <= 1e-12 * squares) // a linear model: all that enter are needed
            return [.. path.Select(step => step.Entered)];
        int best = Enumerable.Range(0, errors.Length).MinBy(steps => errors[steps] / noise + 2 * steps);
        return [.. path.Take(best).Select(step => step.Entered)];
    }

    private static double Error(NormalEquations equations, double squares, double[] b)
    {
        double error = squares;
        for (int i = 0; i < b.Length; i++)
        {
            error -= 2 * b[i] * equations.Right[i];
            for (int j = 0; j < b.Length; j++)
                error += b[i] * b[j] * equations.Gram[i, j];
        }

        return error;
    }
}
