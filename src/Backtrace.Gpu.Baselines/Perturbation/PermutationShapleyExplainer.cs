using Backtrace.Gpu.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// Shapley values as the mean gain of a feature when features join in random orders (Strumbelj and Kononenko 2010; Mitchell et al. 2022), each order forwards and backwards
/// as in shap's PermutationExplainer. The values add up to f(x) - E f(background) for any number of orders. Features that equal all references get 0, as in shap.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="options">Settings; defaults when null: probabilities against <see cref="Samples.Absent"/>.</param>
public sealed class PermutationShapleyExplainer(ExplainedModel model, PermutationShapleyOptions? options = null) : IExplainer
{
    private readonly PermutationShapleyOptions options = options ?? new();

    /// <inheritdoc/>
    public string Name => options.Antithetic ? "Permutation SHAP" : "Shapley sampling";

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
        int players = game.Players;
        (double none, double all) = game.Ends(cancellation);
        if (players < 2)
            return [.. Enumerable.Repeat(all - none, players)];
        int permutations = options.Permutations ?? options.Evaluations / (2 * players + 1);
        if (permutations < 1)
            throw new ExplainerException($"{Name} needs at least 2 M + 1 = {2 * players + 1} evaluations for {Counted.Of(players, "feature")}; Evaluations is {options.Evaluations}.");
        List<int[]> orders = [];
        for (int p = 0; p < permutations; p++)
        {
            int[] order = [.. Enumerable.Range(0, players)];
            random.Shuffle(order);
            orders.Add(order);
            if (options.Antithetic)
                orders.Add([.. order.Reverse()]);
        }

        using Tensor coalitions = OnTheWay(orders, players);
        double[] values = game.Values(coalitions, cancellation), gains = new double[players];
        for (int p = 0; p < orders.Count; p++)
        {
            ReadOnlySpan<double> between = values.AsSpan(p * (players - 1), players - 1);
            for (int k = 0; k < players; k++)
                gains[orders[p][k]] += ((k < players - 1 ? between[k] : all) - (k > 0 ? between[k - 1] : none)) / orders.Count;
        }

        return gains;
    }

    /// <summary>For each order the coalitions of its first 1, 2, ..., M - 1 players.</summary>
    private static Tensor OnTheWay(List<int[]> orders, int players)
    {
        bool[] present = new bool[orders.Count * (players - 1) * players];
        for (int row = 0; row < orders.Count * (players - 1); row++)
        {
            foreach (int player in orders[row / (players - 1)].AsSpan(0, row % (players - 1) + 1))
                present[row * players + player] = true;
        }

        return tensor(present).view(-1, players);
    }
}
