using static TorchSharp.torch;

namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// By what share the complexity of an explanation rises when the whole model becomes random (Hedström et al. 2024, arXiv 2401.06465): (C(random) − C) / C with
/// the entropy C of a histogram of the attributions, in nats. Defaults of Quantus' <c>EfficientMPRT</c>: n_bins = 100 between the smallest and the largest
/// attribution, seed = 42, no absolute values, no normalisation. Over features instead of entries; random parameters as in <see cref="Mprt"/>. NaN where C is 0: all attributions are in one bin, as equal ones are.
/// </summary>
public sealed class EfficientMprt : Metric
{
    /// <summary>Layers and seed; the order does not matter.</summary>
    public RandomisationOptions Randomisation { get; init; } = new() { Absolute = false };

    /// <summary>Bins of the histogram.</summary>
    public int Bins { get; init; } = 100;

    /// <inheritdoc/>
    public override string Name => "Efficient MPRT";

    /// <inheritdoc/>
    public override Better Better => Better.Higher;

    /// <inheritdoc/>
    /// <exception cref="Baselines.ExplainerException">The model has no such layer, or the explainer refuses.</exception>
    public override IReadOnlyList<double> Measure(Measurement measurement, CancellationToken cancellation = default)
    {
        double[] before = Entropies(measurement, measurement.Attributions);
        using RandomisedParameters parameters = new(measurement.Model, Randomisation.Layers, Randomisation.Seed);
        for (int layer = 0; layer < parameters.Layers.Count; layer++)
            parameters.Randomise(layer);
        using Tensor random = Explaining.InBatches(measurement.Explainer, measurement.Samples, Randomisation.MaximumBatch, cancellation);
        return [.. before.Zip(Entropies(measurement, random), (was, now) => was == 0 ? double.NaN : (now - was) / was)];
    }

    private double[] Entropies(Measurement measurement, Tensor attributions) =>
        [.. Attributions.PerFeature(attributions, measurement.Samples.Input, measurement.Samples.Features).Select(Entropy)];

    /// <summary>Entropy of the histogram, in nats.</summary>
    internal double Entropy(double[] values)
    {
        if (Randomisation.Absolute)
            values = [.. values.Select(Math.Abs)];
        double low = values.Min(), range = values.Max() - low;
        if (double.IsNaN(range))
            return double.NaN;
        IEnumerable<int> bins = values.Select(v => range == 0 ? 0 : Math.Min((int)((v - low) / range * Bins), Bins - 1));
        return bins.CountBy(bin => bin).Select(bin => (double)bin.Value / values.Length).Sum(share => -share * Math.Log(share));
    }
}
