namespace Backtrace.Gpu.Evaluation.Experiments;

/// <summary>A number that experiments measure.</summary>
/// <param name="Name">Head of its column.</param>
/// <param name="Better">Which values are better.</param>
/// <param name="HasChance">Whether the random explainer's score says what chance gives. Not where it cannot differ: random numbers do not change with the model.</param>
public sealed record Column(string Name, Better Better, bool HasChance = true);
