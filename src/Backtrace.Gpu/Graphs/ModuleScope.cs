using Backtrace.Gpu.Kernels.Rules;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Graphs;

/// <summary>A module that is running and will be one node: what it read from outside and what it made.</summary>
/// <param name="module">The module.</param>
/// <param name="operation">The operation of the node.</param>
/// <param name="depth">Number of modules that run around it.</param>
/// <param name="rules">The rules, which say what they read.</param>
/// <param name="mode">The mode that is recorded for.</param>
internal sealed class ModuleScope(nn.Module module, Operation operation, int depth, RuleSet rules, Mode mode)
{
    private readonly List<Value> inputs = [];
    private readonly List<Value> made = [];
    private readonly HashSet<Value> known = [];
    private string? refusal;
    private Node? node;

    public nn.Module Module => module;

    public int Depth => depth;

    /// <summary>True if the node needs no place in the graph: nothing that depends on the input came in or out.</summary>
    public bool IsEmpty => inputs.Count == 0 || made.Count == 0;

    public bool HasMade(Value value) => known.Contains(value) && !inputs.Contains(value);

    /// <summary>An operator inside reads a value. What the rule will read of it is protected from now on.</summary>
    public void Read(Value value)
    {
        if (!known.Add(value))
            return;
        refusal ??= value.WhyUnreadable();
        value.IsRead |= rules.ReadsInput(operation, inputs.Count);
        inputs.Add(value);
    }

    /// <summary>A value was made by operators inside. That may show after the module has ended: constant memory that it filled is used.</summary>
    public void Make(Value value)
    {
        value.IsDynamic = true;
        if (!known.Add(value))
            return;
        made.Add(value);
        if (node is null)
            return;
        node.OutputValues = [.. made];
        Finish(value, node);
    }

    public void Refuse(string reason) => refusal ??= reason;

    public Node Close(int index, Func<Operation, string> name)
    {
        Operation collapsed = refusal is null ? operation : new Refused(operation.Name, refusal);
        node = new Node(index, name(collapsed), collapsed, [.. inputs], [.. made]);
        foreach (Value input in inputs)
            input.Uses++;
        foreach (Value value in made)
            Finish(value, node);
        return node;
    }

    private void Finish(Value value, Node producer)
    {
        value.Producer = producer;
        value.IsRead |= rules.ReadsOutput(operation, mode);
    }
}
