using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Graphs;

/// <summary>
/// Which values cannot be negative, by the operators that made them. Contrastive rules then need half of their products. It follows from
/// the graph alone, so that the same sample is explained by the same arithmetic in every batch.
/// </summary>
internal static class NonNegativity
{
    private static readonly HashSet<string> NonNegativeResults =
        ["relu", "relu6", "sigmoid", "softmax", "special_softmax", "_softmax", "exp", "abs", "square", "sqrt", "rsqrt", "hardsigmoid", "softplus"];

    // Keep what is not negative as it is: changes of shape and type, and functions with f(x) ≥ 0 for x ≥ 0.
    private static readonly HashSet<string> KeepSigns =
        ["view", "reshape", "_reshape_alias", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze", "contiguous", "clone", "alias", "detach", "to", "_to_copy", "type_as", "view_as", "reshape_as", "float", "Dropout", "gelu", "silu", "leaky_relu", "elu", "tanh"];

    public static bool Of(Operation operation, ReadOnlySpan<Value> inputs) => operation switch
    {
        Identity identity => NonNegativeResults.Contains(identity.Label) || (KeepSigns.Contains(identity.Label) && inputs[0].IsNonNegative),
        MaxPooling or AveragePooling or SumOverAxes or MaxOverAxes or StridedView or Concatenate or Stack or Split or Repeat or IndexSelect or Roll or Overwrite => All(inputs),
        Upsample upsample => upsample.Mode != UpsampleMode.Cubic && All(inputs),
        Add add => add.Constant >= 0 && add.Addends.All(a => a.Scale >= 0) && All(inputs),
        Multiply => All(inputs),
        _ => false,
    };

    private static bool All(ReadOnlySpan<Value> inputs)
    {
        foreach (Value input in inputs)
        {
            if (!input.IsNonNegative)
                return false;
        }

        return true;
    }
}
