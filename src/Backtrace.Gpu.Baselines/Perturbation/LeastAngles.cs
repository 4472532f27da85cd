namespace Backtrace.Gpu.Baselines;

/// <summary>
/// Least angle regression (Efron, Hastie, Johnstone and Tibshirani 2004) on normal equations: unknowns enter one after the other, the one that is most
/// correlated with what is left first. Without the lasso's removals.
/// </summary>
internal static class LeastAngles
{
    /// <summary>The unknowns in the order in which they enter, and all coefficients after each step.</summary>
    /// <param name="equations">Of a regression without intercept.</param>
    /// <param name="steps">Most steps.</param>
    internal static IReadOnlyList<(int Entered, double[] Coefficients)> Path(NormalEquations equations, int steps)
    {
        int n = equations.Right.Length;
        double[] correlations = [.. equations.Right], coefficients = new double[n];
        double none = 1e-12 * correlations.Select(Math.Abs).DefaultIfEmpty().Max();
        List<int> active = [];
        List<(int, double[])> path = [];
        while (path.Count < Math.Min(steps, n))
        {
            int next = Enumerable.Range(0, n).Except(active).MaxBy(j => Math.Abs(correlations[j]));
            double height = Math.Abs(correlations[next]);
            active.Add(next);
            // All active unknowns move so that their correlations shrink together.
            double[]? direction = new NormalEquations(equations.Of(active).Gram, [.. active.Select(j => (double)Math.Sign(correlations[j]))]).Solve();
            if (height <= none || direction is null)
                break;
            double[] slopes = [.. Enumerable.Range(0, n).Select(j => active.Select((a, k) => equations.Gram[j, a] * direction[k]).Sum())];
            double length = height;
            foreach (int j in Enumerable.Range(0, n).Except(active))
            {
                foreach (double at in (double[])[(height - correlations[j]) / (1 - slopes[j]), (height + correlations[j]) / (1 + slopes[j])])
                {
                    if (at > -1e-12 * height && at < length) // ties enter with a step of 0
                        length = Math.Max(0, at);
                }
            }

            for (int k = 0; k < active.Count; k++)
                coefficients[active[k]] += length * direction[k];
            for (int j = 0; j < n; j++)
                correlations[j] -= length * slopes[j];
            path.Add((next, [.. coefficients]));
        }

        return path;
    }
}
