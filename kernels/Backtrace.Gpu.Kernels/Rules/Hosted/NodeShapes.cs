using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Shapes of the tensors of one node, and the questions that an <see cref="Operation"/> asks about them. Kernels do not check sizes.</summary>
/// <param name="name">Name of the operator, for messages.</param>
/// <param name="inputs">Shapes of the inputs.</param>
/// <param name="outputs">Shapes of the outputs.</param>
/// <param name="parameters">Shapes of the parameters.</param>
public sealed class NodeShapes(string name, IReadOnlyList<long[]> inputs, IReadOnlyList<long[]> outputs, IReadOnlyDictionary<string, long[]> parameters)
{
    /// <summary>Shapes of the inputs.</summary>
    public IReadOnlyList<long[]> Inputs { get; } = inputs;

    /// <summary>Shapes of the outputs.</summary>
    public IReadOnlyList<long[]> Outputs { get; } = outputs;

    /// <summary>Stops unless the node has so many inputs and at least one output.</summary>
    /// <param name="count">Number of inputs.</param>
    /// <param name="orMore">Whether there may be more of them.</param>
    /// <exception cref="ArgumentException">It has not.</exception>
    public void HasInputs(int count, bool orMore = false)
    {
        if (Inputs.Count < count || (Inputs.Count > count && !orMore) || Outputs.Count == 0)
            throw Wrong($"it has {Counted.Of(Inputs.Count, "input")} and {Counted.Of(Outputs.Count, "output")}, and needs {(orMore ? "at least " : "")}{Counted.Of(count, "input")} and an output");
    }

    /// <summary>Stops unless an input has as many values as these sizes; its axes may be cut in another way.</summary>
    /// <exception cref="ArgumentException">It has not.</exception>
    public void Input(int index, params ReadOnlySpan<long> sizes) => Expect($"input {index}", Inputs[index], sizes);

    /// <summary>Stops unless an output has as many values as these sizes; its axes may be cut in another way.</summary>
    /// <exception cref="ArgumentException">It has not.</exception>
    public void Output(int index, params ReadOnlySpan<long> sizes) => Expect($"output {index}", Outputs[index], sizes);

    /// <summary>Stops unless a parameter is there and has as many values as these sizes.</summary>
    /// <exception cref="ArgumentException">It is not, or has not.</exception>
    public void Parameter(string parameter, params ReadOnlySpan<long> sizes)
    {
        if (!parameters.ContainsKey(parameter))
            throw Wrong($"the parameter '{parameter}', {Text(sizes)}, is missing");
        OptionalParameter(parameter, sizes);
    }

    /// <summary>Stops if a parameter is there and has more or fewer values than these sizes.</summary>
    /// <exception cref="ArgumentException">It has.</exception>
    public void OptionalParameter(string parameter, params ReadOnlySpan<long> sizes)
    {
        if (parameters.TryGetValue(parameter, out long[]? shape))
            Expect($"'{parameter}'", shape, sizes);
    }

    /// <summary>An axis of a shape, counted from the front.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="axis">The axis; a negative one counts from the end.</param>
    /// <exception cref="ArgumentException">There is no such axis.</exception>
    public int Axis(long[] shape, int axis)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return axis >= -shape.Length && axis < shape.Length ? (axis + shape.Length) % shape.Length : throw Wrong($"{Text(shape)} has no axis {axis}");
    }

    /// <summary>Input 0 with size 1 in place of some axes.</summary>
    /// <exception cref="ArgumentException">An axis is missing.</exception>
    public long[] Reduced(IReadOnlyList<int> axes)
    {
        ArgumentNullException.ThrowIfNull(axes);
        long[] sizes = [.. Inputs[0]];
        foreach (int axis in axes)
            sizes[Axis(sizes, axis)] = 1;
        return sizes;
    }

    /// <summary>Stops unless output 0 has as many values as input 0, the only one, with size 1 in place of some axes.</summary>
    /// <exception cref="ArgumentException">It has not, or an axis is missing.</exception>
    public void Reduces(IReadOnlyList<int> axes)
    {
        HasInputs(1);
        Output(0, Reduced(axes));
    }

    /// <summary>Stops unless all inputs stretch to output 0 by torch's rules of broadcasting.</summary>
    /// <exception cref="ArgumentException">One does not.</exception>
    public void Broadcast()
    {
        for (int input = 0; input < Inputs.Count; input++)
            Stretches(input, Outputs[0]);
    }

    /// <summary>Stops unless an input stretches to a shape by torch's rules of broadcasting.</summary>
    /// <exception cref="ArgumentException">It does not.</exception>
    public void Stretches(int input, ReadOnlySpan<long> target)
    {
        long[] shape = Inputs[input];
        int added = target.Length - shape.Length;
        bool fits = added >= 0;
        for (int axis = 0; fits && axis < shape.Length; axis++)
            fits = shape[axis] == 1 || shape[axis] == target[added + axis];
        if (!fits)
            throw Wrong($"input {input}, {Text(shape)}, does not broadcast to {Text(target)}");
    }

    /// <summary>Stops unless all positions lie in 0 to <paramref name="count"/> − 1.</summary>
    /// <exception cref="ArgumentException">One lies outside.</exception>
    public void Within(IEnumerable<long> positions, long count, string of)
    {
        ArgumentNullException.ThrowIfNull(positions);
        foreach (long position in positions)
        {
            if (position < 0 || position >= count)
                throw Wrong($"{position} is none of the {count} positions of {of}");
        }
    }

    /// <summary>Stops if a condition does not hold.</summary>
    /// <param name="holds">The condition.</param>
    /// <param name="otherwise">What is wrong then, as a clause.</param>
    /// <exception cref="ArgumentException">It does not hold.</exception>
    public void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw Wrong(otherwise);
    }

    /// <summary>Sizes as people read them.</summary>
    public static string Text(ReadOnlySpan<long> sizes) => $"[{string.Join(", ", sizes.ToArray())}]";

    private void Expect(string tensor, long[] shape, ReadOnlySpan<long> sizes)
    {
        if (DeviceTensor.Count(shape) != DeviceTensor.Count(sizes))
            throw Wrong($"{tensor} is {Text(shape)}, not {Text(sizes)}");
    }

    private ArgumentException Wrong(string what) => new($"{name}: {what}.");
}
