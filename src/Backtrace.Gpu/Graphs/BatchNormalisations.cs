using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Kernels.Rules.Lrp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Graphs;

/// <summary>
/// Gets batch normalisations ready for LRP, as y = a·x + c. Where x comes from a layer and goes nowhere else, the layer takes a and c into its weights and bias
/// and makes y, as in LRP's canonisation: its rule then serves both, and the normalisation is left as an identity of y, which hands relevance on. One that has a
/// rule of its own stays as it is.
/// </summary>
internal static class BatchNormalisations
{
    /// <param name="nodes">All nodes.</param>
    /// <param name="outputs">Outputs of the model.</param>
    /// <param name="rules">Only normalisations with LRP's rule are changed.</param>
    /// <param name="constant">Makes a value of a new tensor.</param>
    /// <param name="alias">Makes a second value of the same tensor.</param>
    public static void Prepare(IReadOnlyList<Node> nodes, IReadOnlyList<Value> outputs, RuleSet rules, Func<Func<Tensor>, Value> constant, Func<Value, Value> alias)
    {
        foreach (Node node in nodes)
        {
            if (!MayMerge(node, rules) || node.Operation is not BatchNormalisation normalisation)
                continue;
            Value scale = constant(() => Scale(node, normalisation)), shift = constant(() => Shift(node, scale));
            bool hasOwnRule = rules.Layers.ContainsKey(node.Name);
            if (!hasOwnRule && node.InputValues[0] is { Uses: 1, Producer: { } layer } x && !outputs.Contains(x) && IsPerChannel(layer, x))
                Merge(layer, node, scale, shift, constant, alias);
            else
                node.Parameters.AddRange([("scale", scale), ("shift", shift)]);
        }
    }

    /// <summary>True if a normalisation has LRP's rule, for which the layer before may take it.</summary>
    public static bool MayMerge(Node node, RuleSet rules) => node.Operation is BatchNormalisation && rules.Find(node.Name, node.Operation) is LrpBatchNormalisationRule;

    private static Tensor Scale(Node node, BatchNormalisation operation)
    {
        Tensor root = (Get(node, "variance") + operation.Epsilon).rsqrt();
        return (node.Parameter("weight") is null ? root : Get(node, "weight") * root).to(float32).contiguous();
    }

    private static Tensor Shift(Node node, Value scale)
    {
        Tensor fromMean = Get(node, "mean") * scale.ToTensor().to(float64);
        return (node.Parameter("bias") is null ? -fromMean : Get(node, "bias") - fromMean).to(float32).contiguous();
    }

    // Axis 1 of the result is that of the layer's units.
    private static bool IsPerChannel(Node layer, Value result) => layer.Operation switch
    {
        Convolution convolution => result.Sizes.Length == convolution.Axes + 2,
        TransposedConvolution convolution => result.Sizes.Length == convolution.Axes + 2,
        Linear => result.Sizes.Length == 2,
        _ => false,
    };

    private static void Merge(Node layer, Node node, Value scale, Value shift, Func<Func<Tensor>, Value> constant, Func<Value, Value> alias)
    {
        Value weight = layer.Parameter("weight")!, scaled = constant(() => Scaled(layer.Operation, weight.ToTensor().to(float32), scale.ToTensor()).contiguous());
        Value moved = layer.Parameter("bias") is { } bias
            ? constant(() => (bias.ToTensor().to(float32) * scale.ToTensor() + shift.ToTensor()).contiguous()) : shift;
        layer.Parameters.Clear();
        layer.Parameters.AddRange([("weight", scaled), ("bias", moved)]);

        Value y = node.OutputValues[0], made = alias(y);
        (made.Producer, made.ViewOf, made.IsDynamic, made.IsNonNegative, made.Uses) = (layer, y, true, y.IsNonNegative, 1);
        layer.OutputValues = [made];
        node.InputValues[0] = made;
        node.Operation = new Identity(node.Operation.Name);
        node.Parameters.Clear();
    }

    // Weights are [O, I/groups, kernel], those of transposed convolutions [I, O/groups, kernel].
    private static Tensor Scaled(Operation operation, Tensor weight, Tensor scale)
    {
        long[] kernel = [.. Enumerable.Repeat(1L, weight.shape.Length - 2)];
        if (operation is not TransposedConvolution { Shape.Groups: var groups })
            return weight * scale.reshape([-1, 1, .. kernel]);
        return (weight.unflatten(0, groups, -1) * scale.reshape([groups, 1, -1, .. kernel])).flatten(0, 1);
    }

    private static Tensor Get(Node node, string role) => node.Parameter(role)!.ToTensor().to(float64);
}
