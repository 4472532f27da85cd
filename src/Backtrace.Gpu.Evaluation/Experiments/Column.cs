namespace Backtrace.Gpu.Evaluation.Experiments;

/// <summary>A number that experiments measure.</summary>
/// <param name="Name">Head of its column.</param>
/// <param name="Better">Which values are better.</param>
public sealed record Column(string Name, Better Better);
