using Backtrace.Gpu.Baselines;

namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// Largest ‖a(x + u) − a(x)‖ / ‖a(x)‖ over random u (Yeh et al. 2019, arXiv 1901.09392). Defaults of Quantus' <c>MaxSensitivity</c>: nr_samples = 200, each entry of
/// u uniform in [-0.2, 0.2] (lower_bound = 0.2), Frobenius norms. As in Captum's sensitivity_max the unit of attributions does not matter; some releases of
/// Quantus divide by ‖x‖ instead. NaN where an explanation is all 0. Not defined for tokens.
/// </summary>
public sealed class MaxSensitivity : Metric
{
    /// <summary>Number of neighbours; the same u for all samples.</summary>
    public int Draws { get; init; } = 200;

    /// <summary>Largest change of an entry.</summary>
    public double Radius { get; init; } = 0.2;

    /// <summary>Seed of the changes.</summary>
    public int Seed { get; init; }

    /// <summary>Most inputs that are explained at a time.</summary>
    public int MaximumBatch { get; init; } = 64;

    /// <inheritdoc/>
    public override string Name => $"Max sensitivity ({Draws})";

    /// <inheritdoc/>
    public override Better Better => Better.Lower;

    /// <inheritdoc/>
    /// <exception cref="ExplainerException">Inputs are tokens.</exception>
    public override IReadOnlyList<double> Measure(Measurement measurement, CancellationToken cancellation = default)
    {
        Neighbourhood neighbourhood = new(Name, Draws, Seed, MaximumBatch);
        double[][] sensitivities = neighbourhood.Sensitivities(measurement, Radius, cancellation);
        return [.. sensitivities.Select(of => of.Aggregate(Math.Max))];
    }
}
