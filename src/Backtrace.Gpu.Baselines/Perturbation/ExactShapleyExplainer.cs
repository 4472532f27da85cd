using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// Shapley values by their definition (Shapley 1953): all 2^M coalitions of the M features that differ from the references, at most
/// <see cref="MaximumFeatures"/>. What the estimators are measured against.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="options">Settings; defaults when null: probabilities against <see cref="Samples.Absent"/>.</param>
public sealed class ExactShapleyExplainer(ExplainedModel model, ExactShapleyOptions? options = null) : IExplainer
{
    /// <summary>Most features of a sample that may differ from the references: 65,536 coalitions.</summary>
    public const int MaximumFeatures = 16;

    private readonly ExactShapleyOptions options = options ?? new();

    /// <inheritdoc/>
    public string Name => "Exact Shapley";

    /// <inheritdoc/>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default) =>
        SampleBySample.Explain(samples, options.Superpixels, sample =>
        {
            CoalitionGame game = new(model, sample, options, options.Background);
            return game.ToFeatures(Values(game, cancellation));
        });

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private static double[] Values(CoalitionGame game, CancellationToken cancellation)
    {
        int players = game.Players;
        if (players > MaximumFeatures)
            throw new ExplainerException($"Exact Shapley values of {players} features need 2^{players} coalitions; {MaximumFeatures} is the limit. Group features or take KernelSHAP.");
        if (players == 0)
            return [];
        using DisposeScope scope = NewDisposeScope();
        Tensor numbers = arange(1L << players, int64).unsqueeze(1), bits = tensor(Enumerable.Range(0, players).Select(k => 1L << k).ToArray());
        double[] worth = game.Values(numbers.bitwise_and(bits).ne(0), cancellation), values = new double[players];
        double[] weights = Weights(players);
        for (int c = 0; c < worth.Length; c++)
        {
            for (int k = 0; k < players; k++)
            {
                if ((c & 1 << k) == 0)
                    values[k] += weights[int.PopCount(c)] * (worth[c | 1 << k] - worth[c]);
            }
        }

        return values;
    }

    /// <summary>Of coalitions of 0, 1, ..., M - 1 others: the share of orders in which a player finds just these before him, 1 / (M C(M - 1, s)).</summary>
    private static double[] Weights(int players)
    {
        double[] weights = new double[players];
        weights[0] = 1.0 / players;
        for (int s = 1; s < players; s++)
            weights[s] = weights[s - 1] * s / (players - s);
        return weights;
    }
}
