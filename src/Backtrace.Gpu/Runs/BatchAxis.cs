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

    // Operations of layers read and write one sample at a time; those that rearrange entries may not.
    private static bool Keeps(Node node) => node.Operation switch
    {
        Linear or Convolution or TransposedConvolution or AveragePooling or MaxPooling or Upsample or Pad or Identity or Add or Multiply or SumOverAxes or MaxOverAxes => true,
        Attention or Embedding or Split { Axis: > 0 } or Concatenate { Axis: > 0 } => true,
        StridedView view => Keeps(view, node.InputValues[0]),
        _ => false,
    };

    // Each sample of the view is cut from its own sample of the source.
    private static bool Keeps(StridedView view, Value source)
    {
        long length = DeviceTensor.Count(source.Sizes) / source.Sizes[0], first = view.Offset, last = view.Offset;
        for (int axis = 1; axis < view.Shape.Count; axis++)
        {
            long reach = (view.Shape[axis] - 1) * view.Strides[axis];
            first += Math.Min(0, reach);
            last += Math.Max(0, reach);
        }

        return view.Shape[0] == source.Sizes[0] && view.Strides[0] == length && first >= 0 && last < length;
    }
}
