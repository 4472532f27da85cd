namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>x · rsqrt(mean(x²) + ε), written out by a model. An identity unless a rule set has a rule for it.</summary>
/// <param name="Axes">The axes of the mean, counted from the front; negative ones from the end.</param>
public sealed record RootMeanSquareNormalisation(IReadOnlyList<int> Axes) : Identity("RMSNorm")
{
    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        base.Check(shapes);
        shapes.Reduced(Axes);
    }
}
