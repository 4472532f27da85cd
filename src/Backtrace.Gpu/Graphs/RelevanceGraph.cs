using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Graphs;

/// <summary>The recorded forward pass of one batch: nodes in execution order. Holds the activations until it is disposed.</summary>
public sealed class RelevanceGraph : IDisposable
{
    private readonly List<Value> held;
    private readonly Segment[] segments;
    private Segment? filled;

    internal RelevanceGraph(Mode mode, List<Node> nodes, Value[] inputs, Value[] outputs, List<Value> held, Segment[] segments)
    {
        this.segments = segments;
        Mode = mode;
        Nodes = nodes;
        Inputs = inputs;
        Outputs = outputs;
        this.held = held;
    }

    /// <summary>The mode that it was recorded for: contrastive rules read more activations.</summary>
    public Mode Mode { get; }

    /// <summary>Nodes in execution order.</summary>
    public IReadOnlyList<Node> Nodes { get; }

    /// <summary>The explained inputs.</summary>
    public IReadOnlyList<Value> Inputs { get; }

    /// <summary>The model's outputs.</summary>
    public IReadOnlyList<Value> Outputs { get; }

    /// <summary>Bytes of the recorded activations, views not counted twice.</summary>
    internal long ActivationBytes =>
        held.Where(v => v.IsDynamic && v.ViewOf is null).Sum(v => v.Bytes)
        - segments.Sum(s => s.Bytes) + segments.Select(s => s.Bytes).DefaultIfEmpty().Max();

    /// <summary>Brings the values of a segment back.</summary>
    internal Action<Segment>? Refill { get; set; }

    /// <summary>Sees to it that the values around a node can be read: where they were let go of, its segment is run again, and those of the one before go.</summary>
    /// <param name="node">The node.</param>
    /// <param name="leaving">Hears of each value that goes.</param>
    internal void EnsureFilled(Node node, Action<Value>? leaving = null)
    {
        if (segments.Length > 0)
            Enter(node, leaving);
    }

    private void Enter(Node node, Action<Value>? leaving)
    {
        Segment? needed = Array.Find(segments, s => node.Index >= s.FirstNode && node.Index < s.EndNode);
        if (needed == filled)
            return;
        foreach (Value value in filled?.Inner ?? [])
            leaving?.Invoke(value);
        filled?.LetGo();
        filled = null;
        if (needed is null)
            return;
        Refill!(needed);
        filled = needed;
    }

    /// <summary>All values: inputs, parameters in use, constants, results.</summary>
    internal IReadOnlyList<Value> Values => held;

    /// <summary>Nodes between the inputs and any of the outputs, by index.</summary>
    internal bool[] NodesOnPath(IEnumerable<Value> outputs)
    {
        bool[] onPath = new bool[Nodes.Count], wanted = new bool[held.Count];
        foreach (Value output in outputs)
            wanted[output.Id] = true;
        for (int k = Nodes.Count - 1; k >= 0; k--)
        {
            Node node = Nodes[k];
            foreach (Value result in node.OutputValues)
                onPath[k] |= wanted[result.Id];
            if (!onPath[k])
                continue;
            foreach (Value input in node.InputValues)
                wanted[input.Id] |= input.IsDynamic;
        }

        return onPath;
    }

    /// <summary>Refuses names that no layer has.</summary>
    /// <param name="what">What the names were given for, such as <c>a rule</c>.</param>
    /// <param name="names">The names.</param>
    /// <exception cref="UnknownLayerException">A layer is not there; lists names that are close.</exception>
    internal void EnsureHas(string what, IEnumerable<string> names)
    {
        if (names.Any() && names.Except(Nodes.Select(node => node.Name)).FirstOrDefault() is { } unknown)
            throw new UnknownLayerException(what, unknown, Nodes.Select(node => node.Name));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Value value in held)
            value.Free();
        foreach (Segment segment in segments)
            segment.Free();
        held.Clear();
    }
}
