using System.Collections.Immutable;

namespace Backtrace.Gpu.Evaluation.Experiments;

/// <summary>One or more metrics that are measured together, such as the areas under two curves and their difference.</summary>
/// <param name="Columns">The numbers, in order.</param>
/// <param name="Read">Measures a batch of one sample: a number for each column, and the curves that they come from.</param>
public sealed record Gauge(IReadOnlyList<Column> Columns, Func<Measurement, CancellationToken, Reading> Read)
{
    /// <summary>A gauge of one metric.</summary>
    public static Gauge Of(Metric metric) => new(
        [new Column(metric.Name, metric.Better)],
        (measurement, cancellation) => new Reading([metric.Measure(measurement, cancellation)[0]], ImmutableDictionary<string, IReadOnlyList<double>>.Empty));

    /// <summary>Names of the curves; none for most gauges.</summary>
    public IReadOnlyList<string> Curves { get; init; } = [];

    /// <summary>What a gauge says of one sample.</summary>
    /// <param name="Values">A number for each column; NaN where it is not defined.</param>
    /// <param name="Curves">The curves by name.</param>
    public sealed record Reading(IReadOnlyList<double> Values, IReadOnlyDictionary<string, IReadOnlyList<double>> Curves);
}

/// <summary>A number that experiments measure.</summary>
/// <param name="Name">Head of its column.</param>
/// <param name="Better">Which values are better.</param>
public sealed record Column(string Name, Better Better);
