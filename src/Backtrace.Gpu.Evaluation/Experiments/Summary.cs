namespace Backtrace.Gpu.Evaluation.Experiments;

/// <summary>What an experiment says of one method.</summary>
/// <param name="Method">The method.</param>
/// <param name="Values">Mean and interval of each column.</param>
/// <param name="Seconds">Median time of an explanation.</param>
/// <param name="PeakBytes">Memory of an explanation, as measured on the first subject; NaN where it was not.</param>
public sealed record Summary(string Method, IReadOnlyList<Interval> Values, double Seconds, double PeakBytes)
{
    internal static Summary Of(string method, int columns, IReadOnlyList<Outcome> outcomes) => new(
        method,
        [.. Enumerable.Range(0, columns).Select(k => Bootstrap.Mean([.. outcomes.Select(outcome => outcome.Values[k])]))],
        Median([.. outcomes.Select(outcome => outcome.Seconds).Order()]),
        outcomes.Select(outcome => outcome.PeakBytes).Where(bytes => !double.IsNaN(bytes)).DefaultIfEmpty(double.NaN).Max());

    private static double Median(double[] sorted) => sorted.Length == 0 ? double.NaN : (sorted[sorted.Length / 2] + sorted[(sorted.Length - 1) / 2]) / 2;
}
