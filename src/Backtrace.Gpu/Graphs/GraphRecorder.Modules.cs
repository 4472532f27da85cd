using Backtrace.Gpu.Interop;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Graphs;

// Modules that become one node: while one runs, operators are not lowered, only followed.
internal sealed partial class GraphRecorder
{
    private readonly HashSet<nn.Module> called = new(ReferenceEqualityComparer.Instance);
    private readonly List<Node> collapsed = [];
    private readonly Dictionary<nint, string> ownMemory = modules.OwnMemory();
    private ModuleScope? scope;

    private void Begin(nn.Module module, int depth)
    {
        if (modules.Find(module) is not { } lowering)
            return;
        called.Add(module);
        scope ??= new ModuleScope(module, lowering.CreateOperation(module), depth, options.Rules, mode);
    }

    private void End(int running)
    {
        if (scope is not { } closed || running > closed.Depth)
            return;
        scope = null;
        if (closed.IsEmpty)
            return;
        Node node = closed.Close(nodes.Count, operation => names.NameOf(closed.Module, operation, usedNames));
        nodes.Add(node);
        collapsed.Add(node);
        using var quiet = OperatorTap.Quietly();
        foreach ((string name, Tensor tensor) in ModuleNames.Tensors(closed.Module, recurse: true))
        {
            RawTensor raw = new(tensor.Handle);
            node.AddParameter(name, names.OfIdentity(raw.Identity) is { } known ? Borrow(known) : Register(raw));
        }
    }

    private void ReadInside(string name, Argument[] arguments)
    {
        if (scope is null)
        {
            EnsureNotInside(arguments);
        }
        else if (!Lowerings.CarriesNothing(name))
        {
            foreach (Value value in DynamicInputs(arguments))
                scope.Read(value);
        }
    }

    /// <exception cref="UnsupportedLayerException">The parameters are those of a module that is to be one node, but does not run.</exception>
    private void EnsureNotInside(Argument[] arguments)
    {
        if (ownMemory.Count == 0)
            return;
        foreach (Argument argument in arguments)
        {
            if (argument.IsTensor && !argument.Tensor.IsDynamic && ownMemory.TryGetValue(argument.Tensor.Held.Data, out string? owner))
                throw new UnsupportedLayerException($"The options have a rule for the module '{owner}', but its parameters were used while it was not called. {CollapsedModules.RunWithCall}");
        }
    }

    private void MakeInside(OperatorCall call)
    {
        // Numbers made from ids stand for ids; those made from anything else are choices, which carry no relevance.
        bool isOfIds = DynamicInputs(call.Arguments).Any(v => IsIntegral(v));
        foreach (Value output in call.Outputs)
        {
            if (!Lowerings.CarriesNothing(call.Label) && output.Held.Type != ScalarType.Bool && (isOfIds || !IsIntegral(output)))
                scope!.Make(output);
        }

        static bool IsIntegral(Value value) => value.Held.Type is <= ScalarType.Int64;
    }

    /// <summary>The module that alone filled constant memory with what depends on the input, or null.</summary>
    private ModuleScope? OnlyFiller(RawTensor tensor)
    {
        TensorMemory memory = new(tensor, tensor.Shape());
        ModuleScope?[] fillers = [.. filled.Where(f => f.Memory.Overlaps(memory)).Select(f => f.Filler).Distinct()];
        return fillers is [var only] ? only : null;
    }

    private void KeepUsedOutputs(Value[] results)
    {
        foreach (Node node in collapsed)
            node.OutputValues = [.. node.OutputValues.Where(v => v.Uses > 0 || results.Contains(v))];
    }
}
