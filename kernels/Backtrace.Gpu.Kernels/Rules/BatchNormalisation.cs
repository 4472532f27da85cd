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

    /// <summary>The parameters with <c>scale</c> and <c>shift</c>, of which the normalisation is a product and a sum.</summary>
    /// <exception cref="ArgumentException">They follow from a mean and a variance, and one of these is missing.</exception>
    internal IReadOnlyDictionary<string, HostTensor> AsScaleAndShift(IReadOnlyDictionary<string, HostTensor> parameters)
    {
        if (parameters.ContainsKey("scale") && parameters.ContainsKey("shift"))
            return parameters;
        foreach (string name in new[] { "mean", "variance" })
        {
            if (!parameters.ContainsKey(name))
                throw new ArgumentException($"{Name} has no parameter '{name}'. Give mean and variance, and weight and bias where there are any; or scale and shift.", nameof(parameters));
        }

        float[] mean = parameters["mean"].Values, variance = parameters["variance"].Values;
        float[]? weight = parameters.GetValueOrDefault("weight")?.Values, bias = parameters.GetValueOrDefault("bias")?.Values;
        double[] factors = [.. variance.Select((v, k) => (weight?[k] ?? 1) / Math.Sqrt(v + Epsilon))];
        return new Dictionary<string, HostTensor>(parameters)
        {
            ["scale"] = new([.. factors.Select(f => (float)f)], factors.Length),
            ["shift"] = new([.. factors.Select((f, k) => (float)((bias?[k] ?? 0) - (mean[k] * f)))], factors.Length),
        };
    }
}
