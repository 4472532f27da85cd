using System.Collections.Immutable;

namespace Backtrace.Gpu.Evaluation.Experiments;

/// <summary>One or more metrics that are measured together, such as the areas under two curves and their difference.</summary>
/// <param name="Columns">The numbers, in order.</param>
/// <param name="Read">Measures a batch of one sample: a number for each column, and the curves that they come from.</param>
public sealed record Gauge(IReadOnlyList<Column> Columns, Func<Measurement, CancellationToken, GaugeReading> Read)
{
    /// <summary>A gauge of one metric.</summary>
    /// <param name="metric">The metric.</param>
    /// <param name="hasChance">As for <see cref="Column"/>.</param>
    public static Gauge Of(Metric metric, bool hasChance = true) => new(
        [new Column(metric.Name, metric.Better, hasChance)],
        (measurement, cancellation) => new GaugeReading([metric.Measure(measurement, cancellation)[0]], ImmutableDictionary<string, IReadOnlyList<double>>.Empty));

    /// <summary>Names of the curves; none for most gauges.</summary>
    public IReadOnlyList<string> Curves { get; init; } = [];
}
