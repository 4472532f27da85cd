namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Softmax along an axis. An identity unless a rule set has a rule for it.</summary>
/// <param name="Axis">The axis, counted from the front; negative from the end.</param>
/// <param name="Label">Name of the operator for people.</param>
public sealed record Softmax(int Axis, string Label) : Identity(Label)
{
    /// <inheritdoc/>
    public override void Check(NodeShapes shapes)
    {
        base.Check(shapes);
        shapes.Axis(shapes.Inputs[0], Axis);
    }
}
