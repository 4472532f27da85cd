using Backtrace.Gpu.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// KernelSHAP (Lundberg and Lee 2017, arXiv 1705.07874): Shapley values as the solution of a weighted regression on coalitions of features. Coalitions, weights
/// and the number of them are those of shap's KernelExplainer. The sum of the values is fixed by elimination, so
/// that they add up to f(x) - E f(background) whatever the coalitions are. With all coalitions the values are exact. Features that equal all references
/// get 0, as in shap.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="options">Settings; defaults when null: probabilities against <see cref="Samples.Absent"/>.</param>
public sealed class KernelShapExplainer(ExplainedModel model, KernelShapOptions? options = null) : IExplainer
{
    private readonly KernelShapOptions options = options ?? new();

    /// <inheritdoc/>
    public string Name => options.Samples is int samples ? $"KernelSHAP ({samples})" : "KernelSHAP";

    /// <inheritdoc/>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default) =>
        SampleBySample.Explain(samples, options.Superpixels, sample =>
        {
            CoalitionGame game = new(model, sample, options, options.Background);
            return game.ToFeatures(Values(game, new Random(options.Seed), cancellation));
        });

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private double[] Values(CoalitionGame game, Random random, CancellationToken cancellation)
    {
        using DisposeScope scope = NewDisposeScope();
        (double none, double all) = game.Ends(cancellation);
        int players = game.Players;
        if (players < 2)
            return [.. Enumerable.Repeat(all - none, players)];
        double possible = Math.Pow(2, players) - 2;
        int budget = (int)Math.Min(options.Samples ?? 2 * players + 2048, possible);
        int unknowns = options.L1 == L1.NumFeatures ? Math.Min(options.NumFeatures, players) : players;
        if (budget < 2 * (unknowns - 1)) // a coalition and its complement are one equation
            throw new ExplainerException($"KernelSHAP needs at least {Counted.Of(2 * (unknowns - 1), "coalition")} for {Counted.Of(unknowns, "feature")}; Samples is {budget}.");
        KernelCoalitions coalitions = new(players, budget, random);
        Tensor members = coalitions.Members();
        Tensor gains = tensor(Array.ConvertAll(game.Values(members, cancellation), value => value - none));
        Tensor present = members.to(float64), weights = tensor(coalitions.Weights);
        IReadOnlyList<int> kept = options.L1 == L1.None || (options.L1 == L1.Auto && budget >= 0.2 * possible)
            ? [.. Enumerable.Range(0, players)]
            : L1Selection.Of(present, gains, weights, all - none, options.L1 == L1.NumFeatures ? options.NumFeatures : null);
        return Regress(present, gains, weights, all - none, kept);
    }

    /// <summary>Least squares for the kept players, whose values sum to <paramref name="total"/>; the last one is what the sum leaves.</summary>
    private double[] Regress(Tensor present, Tensor gains, Tensor weights, double total, IReadOnlyList<int> kept)
    {
        double[] values = new double[present.shape[1]];
        if (kept.Count == 0)
            return values;
        Tensor last = present.narrow(1, kept[^1], 1);
        double[]? solution = [];
        if (kept.Count > 1)
        {
            Tensor others = present.index_select(1, tensor(kept.SkipLast(1).Select(k => (long)k).ToArray())) - last;
            solution = NormalEquations.Of(others, gains - last.squeeze(1) * total, weights).Solve(options.Ridge);
        }

        if (solution is null)
            throw new ExplainerException($"KernelSHAP: {Counted.Of(present.shape[0], "coalition does", "coalitions do")} not tell {Counted.Of(kept.Count, "feature")} apart. Raise Samples, group features, or set Ridge, say to 1e-6.");
        for (int k = 0; k < solution.Length; k++)
            values[kept[k]] = solution[k];
        values[kept[^1]] = total - solution.Sum();
        return values;
    }
}
