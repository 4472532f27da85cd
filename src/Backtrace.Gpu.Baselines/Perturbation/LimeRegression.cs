using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>LIME's local model: a weighted ridge regression with an intercept that is not penalised.</summary>
internal static class LimeRegression
{
    /// <summary>Coefficients of all features; those that are not chosen get 0.</summary>
    /// <param name="present">Which features are as in the sample, [K, M], booleans; the first row is the sample.</param>
    /// <param name="outputs">The model's outputs, K.</param>
    /// <param name="weights">[K], 64-bit.</param>
    /// <param name="options">Penalty and choice of features.</param>
    internal static double[] Fit(Tensor present, double[] outputs, Tensor weights, LimeOptions options)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = present.to(float64), y = tensor(outputs), total = weights.sum();
        Tensor xCentred = x - weights.unsqueeze(0).matmul(x) / total, yCentred = y - weights.dot(y) / total;
        if (options.NumFeatures is null && options.Ridge > 0 && x.shape[0] < x.shape[1])
            return FewPerturbations(xCentred, yCentred, weights, options.Ridge);
        NormalEquations equations = NormalEquations.Of(xCentred, yCentred, weights);
        int[] all = [.. Enumerable.Range(0, equations.Right.Length)];
        IReadOnlyList<int> kept = options.NumFeatures switch
        {
            null => all,
            <= 6 and int number => Forward(equations, all, number),
            int number => Heaviest(equations, all, number),
        };
        double[] fitted = Solve(equations.Of(kept), options.Ridge), coefficients = new double[all.Length];
        for (int k = 0; k < kept.Count; k++)
            coefficients[kept[k]] = fitted[k];
        return coefficients;
    }

    /// <summary>The same solution from an equation for each perturbation, where these are fewer than the features: with A = sqrt(W) X, it is Aᵀ (A Aᵀ + ridge)⁻¹ sqrt(W) y.</summary>
    private static double[] FewPerturbations(Tensor x, Tensor y, Tensor weights, double ridge)
    {
        Tensor roots = weights.sqrt(), a = x * roots.unsqueeze(1), unit = ones([x.shape[1]], float64);
        NormalEquations equations = NormalEquations.Of(a.t(), unit, unit);
        Tensor dual = tensor(new NormalEquations(equations.Gram, (y * roots).data<double>().ToArray()).Solve(ridge)
            ?? throw new ExplainerException("LIME: the regression has no single solution; raise Ridge or Samples."));
        return a.t().matmul(dual).contiguous().data<double>().ToArray();
    }

    /// <summary>Adds the feature that improves an unpenalised fit the most, one after the other.</summary>
    private static List<int> Forward(NormalEquations equations, int[] all, int number)
    {
        List<int> kept = [];
        while (kept.Count < Math.Min(number, all.Length))
            kept.Add(all.Except(kept).MaxBy(k => Explained(equations.Of([.. kept, k]))));
        return kept;
    }

    /// <summary>Those with the largest coefficients; lime multiplies them with the sample's entries, which are all 1, and takes a penalty of 0.01.</summary>
    private static int[] Heaviest(NormalEquations equations, int[] all, int number)
    {
        double[] coefficients = Solve(equations, 0.01);
        return [.. all.OrderByDescending(k => Math.Abs(coefficients[k])).Take(number)];
    }

    /// <summary>The part of the variance that a fit explains, but for a factor; a feature that adds nothing new has no fit.</summary>
    private static double Explained(NormalEquations equations) =>
        equations.Solve()?.Zip(equations.Right, (b, r) => b * r).Sum() ?? double.NegativeInfinity;

    private static double[] Solve(NormalEquations equations, double ridge) =>
        equations.Solve(ridge) ?? throw new ExplainerException("LIME: the regression has no single solution; set Ridge above 0 or raise Samples.");
}
