using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>What the estimators of Shapley values share.</summary>
public abstract record ShapleyOptions : CoalitionOptions
{
    /// <summary>
    /// Inputs that stand in for absent features, [B, ...]; outputs are averaged over them. Stays the caller's. Null: the single reference <see cref="Samples.Absent"/>.
    /// Each coalition costs B rows of a forward pass.
    /// </summary>
    public Tensor? Background { get; init; }
}
