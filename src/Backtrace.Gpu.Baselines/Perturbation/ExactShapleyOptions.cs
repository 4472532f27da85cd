namespace Backtrace.Gpu.Baselines;

/// <summary>Settings of <see cref="ExactShapleyExplainer"/>.</summary>
public sealed record ExactShapleyOptions : ShapleyOptions;
