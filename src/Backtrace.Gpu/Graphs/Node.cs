using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Graphs;

/// <summary>One recorded operator.</summary>
public sealed class Node
{
    internal Node(int index, string name, Operation operation, Value[] inputs, Value[] outputs)
    {
        Index = index;
        Name = name;
        Operation = operation;
        InputValues = inputs;
        OutputValues = outputs;
    }

    /// <summary>Position in execution order, which is a topological order.</summary>
    public int Index { get; }

    /// <summary>Name for people, unique in the graph: the module's path, or the scope and the operator.</summary>
    public string Name { get; internal set; }

    /// <summary>What it computes.</summary>
    public Operation Operation { get; internal set; }

    /// <summary>Operands, constants included.</summary>
    public IReadOnlyList<Value> Inputs => InputValues;

    /// <summary>Results.</summary>
    public IReadOnlyList<Value> Outputs => OutputValues;

    /// <summary>The saturation test of the activation that alone consumes this node (rules.md, B.1).</summary>
    public Saturation Saturation { get; internal set; }

    internal Value[] InputValues { get; }

    internal Value[] OutputValues { get; set; }

    internal List<(string Role, Value Value)> Parameters { get; } = [];

    internal void AddParameter(string role, Value value)
    {
        Parameters.Add((role, value));
        value.IsRead = true;
    }

    internal Value? Parameter(string role)
    {
        foreach ((string name, Value value) in Parameters)
        {
            if (name == role)
                return value;
        }

        return null;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({Operation.Name})";
}
