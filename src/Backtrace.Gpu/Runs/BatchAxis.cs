using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Runs;

/// <summary>Tells whether the samples of a batch stay apart, one behind the other, through all of a graph.</summary>
internal static class BatchAxis
{
    /// <summary>
    /// True if the first axis of every value between the inputs and the output is certainly the batch: nothing moves it, cuts it or merges it. False also for graphs
    /// that undo such a step later.
    /// </summary>
    public static bool IsFirst(RelevanceGraph graph, bool[] onPath, int batch)
    {
        foreach (Node node in graph.Nodes)
        {
            if (!onPath[node.Index])
                continue;
            foreach (Value value in node.InputValues.Where(v => v.IsDynamic).Concat(node.OutputValues))
            {
                if (value.Sizes is not [var first, ..] || first != batch)
                    return false;
            }

            if (!Keeps(node))
                return false;
        }

        return true;
    }

    // Operations of layers read and write one sample at a time, if there is an axis of samples; those that rearrange entries may not.
    private static bool Keeps(Node node)
    {
        int rank = node.OutputValues[0].Sizes.Length;
        return node.Operation switch
        {
            AveragePooling or MaxPooling or Upsample or Identity or Embedding or Split { Axis: > 0 } or Concatenate { Axis: > 0 } => true,
            Linear => rank > 1,
            Convolution layer => rank == layer.Axes + 2,
            TransposedConvolution layer => rank == layer.Axes + 2,
            Attention => rank > 2,
            Add or Multiply => node.InputValues.All(v => !v.IsDynamic || v.Sizes.Length == rank), // else samples meet another axis
            SumOverAxes sum => SparesFirst(sum.Axes, node),
            MaxOverAxes maximum => SparesFirst(maximum.Axes, node),
            Pad pad => pad.Before[0] == 0 && pad.After[0] == 0,
            StridedView view => Keeps(view, node.InputValues[0]),
            _ => false,
        };
    }

    private static bool SparesFirst(IReadOnlyList<int> axes, Node node) => axes.All(axis => axis != 0 && axis != -node.InputValues[0].Sizes.Length);

    // Each sample of the view is cut from its own sample of the source: what reached into the next would leave the source behind the last.
    private static bool Keeps(StridedView view, Value source) =>
        view.Shape[0] == source.Sizes[0] && view.Strides[0] == DeviceTensor.Count(source.Sizes) / source.Sizes[0];
}
