using Backtrace.Gpu.Baselines;

namespace Backtrace.Gpu.Evaluation.Experiments;

/// <summary>A method that takes part in an experiment.</summary>
/// <param name="Name">What the tables of results call it, unique in its experiment.</param>
/// <param name="Create">Makes the explainer, which the experiment disposes.</param>
/// <param name="MayDropOut">Whether the experiment goes on without it where it cannot explain the first subject.</param>
public sealed record Contestant(string Name, Func<IExplainer> Create, bool MayDropOut = false);
