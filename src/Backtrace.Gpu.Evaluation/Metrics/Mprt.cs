namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// Model parameter randomisation test (Adebayo et al. 2018, arXiv 1810.03292): the mean, over layers that become random one after the other, of the Spearman
/// correlation of the explanation with that of the untouched model. An explanation of what the model learned loses its likeness. Defaults of Quantus'
/// <c>MPRT</c>: correlation_spearman, layer_order = "top_down", seed = 42, abs = True, the mean over layers for return_average_correlation. There layers get
/// reset_parameters() of PyTorch, which also resets running means and variances; here normal draws of each parameter's own mean and standard deviation, which
/// every module can have, and buffers stay. Some releases of Quantus count the untouched model's 1 in the average; this does not. Over features instead of
/// entries. NaN where all attributions are equal, at the untouched model or at all others. Parameters change in place and are restored bit for bit, also when the
/// explainer throws.
/// </summary>
public sealed class Mprt : Metric
{
    /// <summary>Layers, order, seed.</summary>
    public RandomisationOptions Randomisation { get; init; } = new();

    /// <inheritdoc/>
    public override string Name => Randomisation.Order switch
    {
        LayerOrder.TopDown => "MPRT (top-down)",
        LayerOrder.BottomUp => "MPRT (bottom-up)",
        _ => "MPRT (independent)",
    };

    /// <inheritdoc/>
    public override Better Better => Better.Lower;

    /// <summary>The curve of each sample over the layers.</summary>
    /// <exception cref="Baselines.ExplainerException">The model has no such layer, or the explainer refuses.</exception>
    public RandomisationCurve Curves(Measurement measurement, CancellationToken cancellation = default) => RandomisationCurve.Measure(
        measurement,
        Randomisation,
        measurement.Attributions,
        () => Explaining.InBatches(measurement.Explainer, measurement.Samples, Randomisation.MaximumBatch, cancellation),
        cancellation);

    /// <inheritdoc/>
    /// <exception cref="Baselines.ExplainerException">The model has no such layer, or the explainer refuses.</exception>
    public override IReadOnlyList<double> Measure(Measurement measurement, CancellationToken cancellation = default) => Curves(measurement, cancellation).PerSample;
}
