using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>
/// Layer normalisation over the last axes, (x − mean)/√(variance + ε)·weight + bias. Parameters <c>weight</c> and <c>bias</c> if there are any. An identity unless a
/// rule set has a rule for it.
/// </summary>
/// <param name="Length">Number of entries that are normalised together.</param>
/// <param name="Epsilon">Added to the variance.</param>
public sealed record LayerNormalisation(long Length, double Epsilon) : Identity("layer_norm")
{
    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        base.Check(shapes);
        long count = DeviceTensor.Count(shapes.Inputs[0]);
        shapes.Require(Length > 0 && count % Length == 0, $"{NodeShapes.Text(shapes.Inputs[0])} does not consist of groups of {Length}");
        shapes.OptionalParameter("weight", Length);
        shapes.OptionalParameter("bias", Length);
    }
}
