namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>The larger of x and a number, entry by entry.</summary>
/// <param name="Least">The number.</param>
/// <param name="Label">Name of the operator for people.</param>
public sealed record LowerLimit(double Least, string Label) : Identity(Label);
