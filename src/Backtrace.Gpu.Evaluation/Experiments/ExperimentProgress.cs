namespace Backtrace.Gpu.Evaluation.Experiments;

/// <summary>How far an experiment has come.</summary>
/// <param name="Done">Explanations that are measured, earlier runs included.</param>
/// <param name="All">All that the experiment measures.</param>
/// <param name="Method">The method that comes next.</param>
public sealed record ExperimentProgress(int Done, int All, string Method);
