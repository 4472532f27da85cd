namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>
/// Batch normalisation in evaluation mode, (x − mean)/√(variance + ε)·weight + bias along axis 1. Parameters <c>mean</c>, <c>variance</c>, and <c>weight</c>
/// and <c>bias</c> if there are any. An identity unless a rule set has a rule for it.
/// </summary>
/// <param name="Epsilon">Added to the variance.</param>
public sealed record BatchNormalisation(double Epsilon) : Identity("batch_norm")
{
    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        base.Check(shapes);
        long channels = shapes.Inputs[0][shapes.Axis(shapes.Inputs[0], 1)];
        foreach (string parameter in new[] { "mean", "variance", "weight", "bias", "scale", "shift" })
            shapes.OptionalParameter(parameter, channels);
    }
}
