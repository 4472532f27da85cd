using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Graphs;

/// <summary>One call of an operator whose arguments depend on an explained input, ready to be lowered to nodes.</summary>
internal sealed class OperatorCall(GraphRecorder recorder, string name, string overload, Argument[] arguments)
{
    /// <summary>Name without namespace, such as <c>conv2d</c>; in-place variants keep their underscore.</summary>
    public string Name => name;

    /// <summary>Name of the operator whatever it overwrites: without the underscore of in-place variants.</summary>
    public string Label => name.EndsWith('_') ? name[..^1] : name;

    /// <summary>Overload, such as <c>Tensor</c> or <c>dim_IntList</c>.</summary>
    public string Overload => overload;

    public int Count => arguments.Length;

    public Value[] Outputs { get; set; } = [];

    public Value Output => Outputs[0];

    /// <summary>True if the output holds ids or counts.</summary>
    public bool IsIntegral => Output.Held.Type is <= TorchSharp.torch.ScalarType.Int64 or TorchSharp.torch.ScalarType.Bool;

    public Argument this[int index] => index < arguments.Length ? arguments[index] : Argument.None;

    /// <summary>Records a node with the given operands, all outputs of the call, and parameters by role (absent ones are left out).</summary>
    public Node Emit(Operation operation, ReadOnlySpan<Value> inputs, params ReadOnlySpan<(string Role, Argument Value)> parameters)
    {
        Node node = recorder.Add(operation, inputs.ToArray(), Outputs);
        foreach ((string role, Argument value) in parameters)
        {
            if (value.IsTensor)
                node.Parameters.Add((role, value.Tensor));
        }

        recorder.NameAfterParameters(node);
        return node;
    }

    /// <summary>A node that passes relevance from argument 0 to the output unchanged.</summary>
    public void EmitIdentity(string label)
    {
        if (GraphRecorder.DynamicInputs(arguments) is [var only] && this[0].IsTensor && only == this[0].Tensor)
            Emit(new Identity(label), [only]);
        else
            Refuse("depends on the input by more than its first argument");
    }

    /// <summary>The outputs hold no relevance: comparisons, indices, new tensors of the same shape.</summary>
    public void EmitNothing()
    {
        foreach (Value output in Outputs)
            output.IsDynamic = false;
    }

    /// <summary>Refuses the call; the run stops if the output depends on it.</summary>
    public void Refuse(string reason) => Emit(new Refused(name, reason), GraphRecorder.DynamicInputs(arguments));

    /// <summary>Swaps a node's result for this call's output and gives it a parameter more: two operators that are one layer.</summary>
    public void FuseInto(Node node, string role, Value parameter)
    {
        node.Parameters.Add((role, parameter));
        Output.IsRead |= recorder.ReadsOutput(node);
        node.OutputValues[0] = Output;
        Output.Producer = node;
    }

    /// <summary>The transpose of a constant, row-major: a copy only where it is not a transposed view already.</summary>
    public Value Transposed(Value matrix) => recorder.Transposed(matrix);
}

/// <summary>An operator without rule. It may stand in a graph as long as no relevance has to pass it.</summary>
/// <param name="Operator">Name of the operator.</param>
/// <param name="Reason">What is not supported about it.</param>
public sealed record Refused(string Operator, string Reason) : Operation
{
    /// <inheritdoc/>
    public override string Name => Operator;
}
