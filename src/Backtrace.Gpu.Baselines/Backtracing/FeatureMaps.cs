using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Baselines;

/// <summary>The layers of a network whose outputs are feature maps that all relevance passes through, such as the ends of residual blocks.</summary>
internal static class FeatureMaps
{
    private const int PictureAxes = 4;

    /// <summary>Names and sizes of these layers in the order of the forward pass.</summary>
    /// <param name="graph">A recorded run of a model of pictures, [N, C, H, W], with one output.</param>
    public static List<(string Layer, long Height, long Width)> Of(RelevanceGraph graph)
    {
        Dictionary<Value, int> lastUse = [];
        foreach (Node node in graph.Nodes)
        {
            foreach (Value input in node.Inputs)
                lastUse[input] = node.Index;
        }

        List<(string, long, long)> found = [];
        int needed = graph.Inputs.Max(LastUse); // until this node, something from before is still to be read
        foreach (Node node in graph.Nodes)
        {
            Value output = node.Outputs[0];
            bool isOnlyWay = node.Outputs.Count == 1 && needed <= node.Index && LastUse(output) > node.Index;
            // An activation that follows repeats the map.
            if (isOnlyWay && output.Shape is { Count: PictureAxes } shape && shape[2] * shape[3] > 1 && !Repeats(graph.Nodes[node.Index + 1], shape))
                found.Add((node.Name, shape[2], shape[3]));
            needed = Math.Max(needed, node.Outputs.Max(LastUse));
        }

        return found;

        int LastUse(Value value) => lastUse.GetValueOrDefault(value, -1);

        static bool Repeats(Node next, IReadOnlyList<long> shape) => next.Operation is Identity && next.Outputs[0].Shape.SequenceEqual(shape);
    }
}
