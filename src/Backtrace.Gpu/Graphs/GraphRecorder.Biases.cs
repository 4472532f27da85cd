using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Graphs;

// Dense layers that took the bias which was added to their product.
internal sealed partial class GraphRecorder
{
    /// <summary>If somebody uses the product of such a layer without the bias, the layer is there a second time, without it.</summary>
    private void Restore(Value product)
    {
        if (product.Producer is not { Operation: Linear } layer || layer.OutputValues.Contains(product) || !IsOwn(layer))
            return;
        Node again = Add(layer.Operation, [.. layer.InputValues], [product], ModuleNames.Unique(layer.Name.Split('#')[0], usedNames));
        foreach ((string role, Value parameter) in layer.Parameters.Where(p => p.Role is not "bias"))
            again.AddParameter(role, parameter);
    }

    // Not one of the first run, while a block is run again.
    private bool IsOwn(Node node) => node.Index < nodes.Count && nodes[node.Index] == node;
}
