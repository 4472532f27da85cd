using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;

namespace Backtrace.Gpu.Graphs;

/// <summary>
/// Recognises an activation that a model writes out as a product of functions of one tensor, such as x · (1 + erf(x / √2)) / 2. As an element-wise function it passes
/// relevance on; as a product it would send part of it to the numbers in it (rules.md, B.10).
/// </summary>
internal static class WrittenActivation
{
    private const string Label = "Activation";

    private static readonly HashSet<string> OfOneEntry =
        [.. Lowerings.ElementwiseNames, Label, "pow", "clamp_min", "Mul", "Div", "to", "_to_copy", "float", "type_as", "clone", "contiguous", "alias"];

    /// <summary>The product as an identity, of the tensor that both factors are functions of, entry by entry, if a number is added on the way; else null.</summary>
    public static (Value Source, Identity Operation)? Find(Value a, Value b) =>
        a.Sizes.SequenceEqual(b.Sizes) && CommonSource(a, b, []) is (var source, true) ? (source, new Identity(Label)) : null;

    private static (Value Source, bool AddsNumber)? CommonSource(Value a, Value b, Dictionary<Value, (Value Source, bool AddsNumber)?> known)
    {
        Dictionary<Value, bool> sources = new() { [a] = false };
        bool adds = false;
        for (Value value = a; Before(value, known) is var (source, addsNumber); value = source)
            sources[source] = adds |= addsNumber;
        adds = false;
        for (Value value = b; ;)
        {
            if (sources.TryGetValue(value, out bool addsOther))
                return (value, adds | addsOther);
            if (Before(value, known) is not var (source, addsNumber))
                return null;
            (value, adds) = (source, adds | addsNumber);
        }
    }

    // What a value is an element-wise function of, and whether a number is added in it.
    private static (Value Source, bool AddsNumber)? Before(Value value, Dictionary<Value, (Value Source, bool AddsNumber)?> known)
    {
        if (known.TryGetValue(value, out var found))
            return found;
        if (value.Producer is not { OutputValues.Length: 1 } node)
            return known[value] = null;
        found = node.Operation switch
        {
            Add { Addends.Count: 1, Constant: var constant } => (node.InputValues[0], constant != 0),
            Add { Constant: 0 } when WithNumber(node) is { } x => (x, true),
            Add { Constant: 0 } or Multiply when node.InputValues is [{ IsDynamic: true } x, { IsDynamic: true } y] && x.Sizes.SequenceEqual(y.Sizes) => CommonSource(x, y, known),
            Multiply when WithNumber(node) is { } x => (x, false),
            Identity when OfOneEntry.Contains(node.Operation.Name) => (node.InputValues[0], false),
            _ => null,
        };
        return known[value] = found is var (source, _) && source.Sizes.SequenceEqual(value.Sizes) ? found : null;
    }

    // The operand that depends on the input, if the other one is a number in a tensor.
    private static Value? WithNumber(Node node) => node.InputValues switch
    {
        [{ IsDynamic: true } x, { IsDynamic: false } number] when DeviceTensor.Count(number.Sizes) == 1 => x,
        [{ IsDynamic: false } number, { IsDynamic: true } x] when DeviceTensor.Count(number.Sizes) == 1 => x,
        _ => null,
    };
}
