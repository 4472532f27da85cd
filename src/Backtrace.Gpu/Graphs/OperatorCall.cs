using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Graphs;

/// <summary>Records an operator call as nodes: emits one, says that the result carries nothing, or refuses.</summary>
public delegate void Lowering(OperatorCall call);

/// <summary>One call of an operator whose arguments depend on an explained input, ready to be lowered to nodes. Valid until the lowering returns.</summary>
public sealed class OperatorCall
{
    private readonly GraphRecorder recorder;
    private readonly string name;
    private readonly Argument[] arguments;

    internal OperatorCall(GraphRecorder recorder, string name, string overload, Argument[] arguments)
    {
        this.recorder = recorder;
        this.name = name;
        this.arguments = arguments;
        Overload = overload;
    }

    /// <summary>Name without namespace, such as <c>conv2d</c>; in-place variants keep their underscore.</summary>
    public string Name => name;

    /// <summary>Name of the operator whatever it overwrites: without the underscore of in-place variants.</summary>
    public string Label => name.EndsWith('_') ? name[..^1] : name;

    /// <summary>Overload, such as <c>Tensor</c> or <c>dim_IntList</c>.</summary>
    public string Overload { get; }

    /// <summary>Number of arguments.</summary>
    public int Count => arguments.Length;

    /// <summary>The results.</summary>
    public Value[] Outputs { get; internal set; } = [];

    /// <summary>The first result.</summary>
    public Value Output => Outputs[0];

    internal Argument[] Arguments => arguments;

    /// <summary>Number of samples of the batch that is recorded.</summary>
    internal long Samples => recorder.Samples;

    /// <summary>True if the output holds ids or counts.</summary>
    public bool IsIntegral => Output.Held.Type is <= TorchSharp.torch.ScalarType.Int64 or TorchSharp.torch.ScalarType.Bool;

    /// <summary>An argument, in the order of libtorch's schema; absent ones too.</summary>
    public Argument this[int index] => index < arguments.Length ? arguments[index] : Argument.None;

    /// <summary>Records a node with the given operands, all outputs of the call, and parameters by role (absent ones are left out).</summary>
    public Node Emit(Operation operation, ReadOnlySpan<Value> inputs, params ReadOnlySpan<(string Role, Argument Value)> parameters)
    {
        Node node = recorder.Add(operation, inputs.ToArray(), Outputs);
        foreach ((string role, Argument value) in parameters)
        {
            if (value.IsTensor)
                node.AddParameter(role, value.Tensor);
        }

        recorder.NameAfterParameters(node);
        return node;
    }

    /// <summary>A node that passes relevance from argument 0 to the output unchanged.</summary>
    public void EmitIdentity(string label) => EmitIdentity(new Identity(label));

    /// <summary>A node that passes relevance from argument 0 to the output unchanged, unless the rules have one for this special case of an identity.</summary>
    public void EmitIdentity(Identity operation, params ReadOnlySpan<(string Role, Argument Value)> parameters)
    {
        if (GraphRecorder.DynamicInputs(arguments) is not [var only] || !this[0].IsTensor || only != this[0].Tensor)
            Refuse("depends on the input by more than its first argument: make the others constants, or write it as sums and products");
        else if (DeviceTensor.Count(Output.Sizes) != DeviceTensor.Count(only.Sizes))
            Refuse($"broadcasts [{string.Join(", ", only.Sizes)}] to [{string.Join(", ", Output.Sizes)}]: expand the tensor before the call");
        else
            Emit(operation, [only], parameters);
    }

    /// <summary>Goes on with output 0 alone: the others are indices, which hold no relevance.</summary>
    internal void LeaveOutPlaces()
    {
        foreach (Value places in Outputs.AsSpan(1))
            places.IsDynamic = false;
        Outputs = [Outputs[0]];
    }

    /// <summary>The outputs hold no relevance: comparisons, indices, new tensors of the same shape.</summary>
    public void EmitNothing()
    {
        foreach (Value output in Outputs)
            output.IsDynamic = false;
    }

    /// <summary>Refuses the call; the run stops if the output depends on it.</summary>
    public void Refuse(string reason) => Emit(new Refused(name, reason), GraphRecorder.DynamicInputs(arguments));

    /// <summary>Argument <paramref name="index"/>, a tensor, as it was when the operator was called. The caller's.</summary>
    internal TorchSharp.torch.Tensor Read(int index) => this[index].Tensor.ToTensor();

    /// <summary>
    /// Records the call as what <paramref name="written"/> does, which computes the same from the arguments by operators that have rules. The call's own output
    /// hands all its relevance to the result.
    /// </summary>
    internal void Rewrite(Func<TorchSharp.torch.Tensor> written) => Rewrite(() => [written()]);

    /// <summary>As <see cref="Rewrite(Func{TorchSharp.torch.Tensor})"/>, for a call with several outputs: one result for each.</summary>
    internal void Rewrite(Func<TorchSharp.torch.Tensor[]> written) => recorder.Rewrite(this, written);

    /// <summary>Real and imaginary part of an argument; null where they are not known.</summary>
    internal (TorchSharp.torch.Tensor Real, TorchSharp.torch.Tensor? Imaginary)? Parts(Value argument) => recorder.Parts(argument);

    /// <summary>True if the real and imaginary part of a value are known.</summary>
    internal bool HasParts(Value value) => recorder.HasParts(value);

    /// <summary>Refuses a call of complex numbers: where their parts are known, they are no obstacle.</summary>
    internal void RefuseParts(string reason) => Emit(new Refused(name, reason), recorder.PartsOf(GraphRecorder.DynamicInputs(arguments)));

    /// <summary>Records the real and imaginary parts of a complex result.</summary>
    internal void RewriteParts(Func<(TorchSharp.torch.Tensor Real, TorchSharp.torch.Tensor Imaginary)> written) => recorder.RewriteParts(this, written);

    /// <summary>The same call with its arguments in another order, as a similar operator has them.</summary>
    internal OperatorCall Rearranged(params ReadOnlySpan<int> places)
    {
        Argument[] rearranged = new Argument[places.Length];
        for (int k = 0; k < places.Length; k++)
            rearranged[k] = arguments[places[k]];
        return new OperatorCall(recorder, name, Overload, rearranged) { Outputs = Outputs };
    }

    /// <summary>Swaps a node's result for this call's output and gives it a parameter more: two operators that are one layer.</summary>
    internal void FuseInto(Node node, string role, Value parameter)
    {
        node.AddParameter(role, parameter);
        Output.IsRead |= recorder.ReadsOutput(node);
        node.OutputValues[0] = Output;
        Output.Producer = node;
    }

    /// <summary>The transpose of a constant, row-major: a copy only where it is not a transposed view already.</summary>
    internal Value Transposed(Value matrix) => recorder.Transposed(matrix);

    /// <summary>A constant that is computed from recorded values now, without being recorded.</summary>
    internal Value Constant(Func<TorchSharp.torch.Tensor> compute) => recorder.Constant(compute);
}

/// <summary>An operator without rule. It may stand in a graph as long as no relevance has to pass it.</summary>
/// <param name="Operator">Name of the operator.</param>
/// <param name="Reason">What is not supported about it.</param>
public sealed record Refused(string Operator, string Reason) : Operation
{
    /// <inheritdoc/>
    public override string Name => Operator;
}
