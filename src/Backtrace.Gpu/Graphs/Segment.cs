using Backtrace.Gpu.Interop;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Graphs;

/// <summary>
/// One call of a module whose inner values were let go of when it had run. Its nodes are in the graph as those of any other; before relevance reaches them, the module is called again
/// with what it was called with, and the values are taken from that.
/// </summary>
internal sealed class Segment
{
    private readonly List<Value> inner = [];
    private readonly List<(Value Value, bool IsOwn)> kept = [];
    private readonly List<(Value Merged, Value Result)> aliases = [];
    private IReadOnlyList<object?> arguments;
    private object?[] given = [];

    /// <param name="module">What is called.</param>
    /// <param name="path">Its name.</param>
    /// <param name="firstValue">Number of values that are there before.</param>
    /// <param name="firstNode">Number of nodes that are there before.</param>
    /// <param name="arguments">What it is called with: for tensors the recorded <see cref="Value"/>, or a <see cref="RawTensor"/> that the segment frees.</param>
    public Segment(nn.Module module, string path, int firstValue, int firstNode, IReadOnlyList<object?> arguments) =>
        (Module, Path, FirstValue, FirstNode, this.arguments) = (module, path, firstValue, firstNode, arguments);

    public nn.Module Module { get; }

    public string Path { get; }

    public int FirstValue { get; }

    public int FirstNode { get; }

    /// <summary>Number of values that are there when it has run.</summary>
    public int EndValue { get; private set; }

    /// <summary>Number of nodes that are there when it has run.</summary>
    public int EndNode { get; private set; }

    /// <summary>What can still be read when it has run, and whether it lies in memory that was made for it.</summary>
    public IReadOnlyList<(Value Value, bool IsOwn)> Kept => kept;

    /// <summary>What is let go of.</summary>
    public IReadOnlyList<Value> Inner => inner;

    /// <summary>True if nothing was let go of.</summary>
    public bool IsEmpty => inner.Count == 0;

    /// <summary>Bytes of what is let go of, views not counted twice.</summary>
    public long Bytes => inner.Where(v => v.IsDynamic && v.ViewOf is null).Sum(v => v.Bytes);

    /// <summary>The module has run.</summary>
    /// <param name="endValue">Number of values that are there now.</param>
    /// <param name="endNode">Number of nodes that are there now.</param>
    public void Close(int endValue, int endNode) => (EndValue, EndNode) = (endValue, endNode);

    public void Keep(Value value, bool isOwn) => kept.Add((value, isOwn));

    public void Add(Value value) => inner.Add(value);

    /// <summary>A value that stands for another one, such as that of layers that were merged, goes and comes with it.</summary>
    public void AddAlias(Value merged, Value result) => aliases.Add((merged, result));

    /// <summary>Calls the module as before.</summary>
    public object? Call()
    {
        given = [.. arguments.Select(argument => argument switch
        {
            Value value => value.ToTensor(),
            RawTensor raw => Tensor.UnsafeCreateTensor(raw.Hold().Handle),
            _ => argument,
        })];
        return ModelRunner.Invoke(Module, ModelRunner.Signature(Module)!, [.. given]);
    }

    /// <summary>What the module is called with by <see cref="Call"/>, for the first who asks; nothing for the others.</summary>
    public object?[] TakeGiven()
    {
        object?[] taken = given;
        given = [];
        return taken;
    }

    /// <summary>Takes the values of a second run.</summary>
    /// <param name="again">All values of that run, in the order in which they were recorded.</param>
    public void Fill(IReadOnlyList<Value> again)
    {
        foreach (Value value in inner)
            value.Fill(again[value.Id - FirstValue]);
        foreach ((Value merged, Value result) in aliases)
            merged.Fill(new Value(merged.Id, merged.Sizes, result.Held.Hold()));
    }

    public void LetGo()
    {
        foreach (Value value in inner.Concat(aliases.Select(alias => alias.Merged)).Where(value => !value.IsLetGo))
            value.LetGo();
    }

    /// <summary>Gives back what it keeps of its call.</summary>
    public void Free()
    {
        foreach (RawTensor raw in arguments.OfType<RawTensor>())
            raw.Free();
        arguments = [];
    }
}
