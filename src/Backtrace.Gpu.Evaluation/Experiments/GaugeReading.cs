namespace Backtrace.Gpu.Evaluation.Experiments;

/// <summary>What a gauge says of one sample.</summary>
/// <param name="Values">A number for each column; NaN where it is not defined.</param>
/// <param name="Curves">The curves by name.</param>
public sealed record GaugeReading(IReadOnlyList<double> Values, IReadOnlyDictionary<string, IReadOnlyList<double>> Curves);
