namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>
/// Layer normalisation over the last axes, (x − mean)/√(variance + ε)·weight + bias. Parameters <c>weight</c> and <c>bias</c> if there are any. An identity unless a
/// rule set has a rule for it.
/// </summary>
/// <param name="Length">Number of entries that are normalised together.</param>
/// <param name="Epsilon">Added to the variance.</param>
public sealed record LayerNormalisation(long Length, double Epsilon) : Identity("layer_norm");
