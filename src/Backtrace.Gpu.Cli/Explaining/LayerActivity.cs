using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>How many units of a layer are saturated: their activation hardly changes with its input.</summary>
/// <param name="Test">What counts as saturated, in words.</param>
/// <param name="Saturated">Number of such units.</param>
/// <param name="Units">Number of units.</param>
internal sealed record LayerActivity(string Test, long Saturated, long Units)
{
    internal double Share => Units == 0 ? 0 : (double)Saturated / Units;

    internal LayerActivity And(LayerActivity other) => new(Test, Saturated + other.Saturated, Units + other.Units);

    /// <summary>Reads a node; null for one that no activation with a flat side follows.</summary>
    internal static LayerActivity? Of(Node node, RelevanceGraph graph)
    {
        if (Limits(node.Saturation) is (string test, float low, float high))
            return Count(node, test, t => t < low || t > high);
        if (IsRelu(node))
            return Count(node, "zero after ReLU", y => y == 0);
        Value output = node.Outputs[0];
        Node? consumer = output.Uses == 1 ? graph.Nodes.FirstOrDefault(next => next.Inputs.Contains(output)) : null;
        return consumer is not null && IsRelu(consumer) ? Count(node, "zero after ReLU", t => t <= 0) : null;
    }

    // The limits of the rules, so that the table shows what they silence.
    private static (string Test, float Low, float High)? Limits(Saturation saturation) => saturation switch
    {
        Saturation.Tanh => ("tanh beyond \u22122 to 2", -2, 2),
        Saturation.Sigmoid => ("sigmoid beyond \u22124 to 4", -4, 4),
        Saturation.Softmax => ("softmax beyond \u22121 to 2", -1, 2),
        _ => null,
    };

    private static bool IsRelu(Node node) => node.Operation is Identity { Label: "relu" };

    private static LayerActivity Count(Node node, string test, Func<float, bool> isSaturated)
    {
        float[] values = node.Outputs[0].Read();
        return new LayerActivity(test, values.LongCount(isSaturated), values.Length);
    }
}
