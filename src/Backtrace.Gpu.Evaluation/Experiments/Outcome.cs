namespace Backtrace.Gpu.Evaluation.Experiments;

/// <summary>What an experiment found for one method and one subject: a line of its table.</summary>
/// <param name="Method">The method.</param>
/// <param name="Subject">The subject.</param>
/// <param name="Values">A number for each column, NaN where it is not defined.</param>
/// <param name="Curves">Curves by name: the model's answer as features are taken away.</param>
/// <param name="Seconds">How long the explanation took.</param>
/// <param name="PeakBytes">Most memory that the process took for the explanation beyond what it held before; NaN where it was not measured.</param>
public sealed record Outcome(
    string Method,
    string Subject,
    IReadOnlyList<double> Values,
    IReadOnlyDictionary<string, IReadOnlyList<double>> Curves,
    double Seconds,
    double PeakBytes);
