using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Rules;
using TorchSharp;

namespace Backtrace.Gpu.Graphs;

/// <summary>
/// Builds the graph of one forward pass while libtorch runs it. A tensor is known by the identity of its implementation; every tensor
/// that matters is held until the graph is disposed, so identities stay unique.
/// </summary>
internal sealed partial class GraphRecorder(ModuleNames names, CollapsedModules modules, BacktracerOptions options) : OperatorTap.IListener
{
    private readonly Dictionary<nint, Value> current = [];
    private readonly List<Value> all = [];
    private readonly List<Node> nodes = [];
    private readonly HashSet<string> usedNames = [];
    private readonly List<(TensorMemory Memory, ModuleScope? Filler)> filled = [];
    private readonly Mode mode = options.Mode;

    /// <summary>Number of samples, as far as the first input tells.</summary>
    internal long Samples { get; private set; } = 1;

    private OperatorCall? pending;
    private Lowering? pendingLowering;
    private bool pendingInPlace;
    private TensorMemory? pendingFill;

    /// <summary>Runs a forward pass and returns its graph.</summary>
    /// <exception cref="UnsupportedLayerException">The outputs depend on operators without rule.</exception>
    public static RelevanceGraph Record(
        ModuleNames names, CollapsedModules modules, BacktracerOptions options, IReadOnlyList<torch.Tensor> inputs, Func<IReadOnlyList<torch.Tensor>> forward)
    {
        GraphRecorder recorder = new(names, modules, options);
        try
        {
            Value[] explained = new Value[inputs.Count];
            for (int k = 0; k < explained.Length; k++)
            {
                Value value = recorder.Register(new RawTensor(inputs[k].Handle));
                value.IsDynamic = inputs[k].dtype != torch.ScalarType.Bool;
                value.Name = inputs.Count == 1 ? "input" : $"input{k}";
                explained[k] = value;
            }

            recorder.Samples = explained is [{ Sizes: [var samples, ..] }, ..] ? samples : 1;

            names.Listener = (recorder.Begin, recorder.End);
            IReadOnlyList<torch.Tensor> outputs = OperatorTap.Listen(recorder, forward);
            modules.EnsureUsed(recorder.called);
            Value[] results = new Value[outputs.Count];
            for (int k = 0; k < results.Length; k++)
            {
                if (outputs[k] is not { } tensor)
                    throw new InvalidModelException($"Output {k} of the model is null.");
                RawTensor output = new(tensor.Handle);
                bool isKnown = recorder.current.TryGetValue(output.Identity, out Value? value) && value.IsDynamic;
                if (!isKnown && recorder.IsFilled(output))
                    throw new UnsupportedLayerException([$"output {k}: in-place operators wrote what depends on the inputs into memory that was there before; join parts with cat, stack or pad instead"]);
                if (!isKnown && !tensor.is_floating_point())
                    throw new UnsupportedLayerException($"Output {k} of the model is of the type {tensor.dtype}: choices and counts carry no relevance. Return the scores that they are made of.");
                if (!isKnown)
                    throw new UnsupportedLayerException($"Output {k} of the model does not depend on its inputs by any operator that was recorded.");
                if (value!.IsOverwritten)
                    throw new UnsupportedLayerException([$"output {k}: an in-place operator changed it through a view"]);
                results[k] = value;
            }

            recorder.KeepUsedOutputs(results);
            BatchNormalisations.Prepare(recorder.nodes, results, options.Rules, recorder.Constant);
            return new RelevanceGraph(recorder.mode, recorder.nodes, explained, results, recorder.all);
        }
        catch
        {
            foreach (Value value in recorder.all)
                value.Free();
            throw;
        }
        finally
        {
            names.Listener = null;
        }
    }

    public bool IsComposite(nint name) => OperatorNames.IsComposite(name) && !options.Operators.ContainsKey(OperatorNames.Find(name).Name);

    public bool Before(nint name, nint overload, nint arguments, int count)
    {
        (pending, pendingFill) = (null, null);
        if (!TouchesDynamic(arguments, count))
            return false;
        (string text, pendingLowering, pendingInPlace) = OperatorNames.Find(name);
        bool hasMemory = HasMemory(OperatorNames.Text(overload));
        if (!pendingInPlace && !hasMemory)
            return true;
        using var quiet = OperatorTap.Quietly();
        nint written = hasMemory ? arguments + (count - 1) * IValue.Size : arguments;
        if (Read(new IValue(written)) is { IsTensor: true } target)
            BeforeOverwrite(target.Tensor, hasMemory ? text + "_out" : text, arguments, count);
        return true;
    }

    public void Enter(nint name, nint overload, nint arguments, int count)
    {
        string text = OperatorNames.Find(name).Name;
        using var quiet = OperatorTap.Quietly();
        Argument[] read = Read(arguments, count);
        if (pendingFill is { } fill)
            filled.Add((fill, scope));
        if (options.Operators.Count > 0 && options.Operators.GetValueOrDefault(pendingInPlace ? text[..^1] : text) is { } added)
            pendingLowering = added;
        ReadInside(text, read);
        string variant = OperatorNames.Text(overload);
        if (HasMemory(variant))
        {
            pendingInPlace = true;
            if (!Lowerings.CarriesNothing(text))
            {
                pendingLowering = null;
                scope?.Refuse($"uses {text} with memory for its result");
            }
        }

        pending = new OperatorCall(this, text, variant, read);
    }

    public void Leave(nint results, int count)
    {
        if (pending is not { } call)
            return;
        pending = null;
        bool isInPlace = pendingInPlace;
        using var quiet = OperatorTap.Quietly();
        List<Value> outputs = [];
        for (int k = 0; k < count; k++)
        {
            IValue value = new(results + k * IValue.Size);
            if (value.IsTensor && value.Tensor.Identity != 0)
            {
                if (!isInPlace && count == 1 && current.ContainsKey(value.Tensor.Identity))
                    return; // the operator handed its argument back: nothing happened
                outputs.Add(Register(value.Tensor));
            }
            else if (value.IsList)
            {
                for (int i = 0; i < value.ListCount; i++)
                {
                    IValue item = new(value.ListStart + i * IValue.Size);
                    if (item.IsTensor)
                        outputs.Add(Register(item.Tensor));
                }
            }
        }

        if (outputs.Count == 0)
            return;
        call.Outputs = [.. outputs];
        if (scope != null)
        {
            MakeInside(call);
            MarkViews(call, isInPlace);
            return;
        }

        foreach (Value output in outputs)
            output.IsDynamic = output.Held.Type != torch.ScalarType.Bool;
        if (!outputs.Exists(o => o.IsDynamic))
            return; // masks carry no relevance
        using var temporary = torch.NewDisposeScope();
        if (pendingLowering is null)
            call.Refuse("has no rule");
        else
            pendingLowering(call);
        if (outputs.Exists(o => o.IsDynamic && o.Producer is null))
            call.Refuse("has a lowering that neither emitted a node nor said that the result carries nothing");
        MarkViews(call, isInPlace);
    }

    internal Node Add(Operation operation, Value[] inputs, Value[] outputs, string? name = null)
    {
        Node node = new(nodes.Count, name ?? names.Current(operation, usedNames), operation, inputs, outputs);
        nodes.Add(node);
        for (int k = 0; k < inputs.Length; k++)
        {
            Value input = inputs[k];
            input.Uses++;
            input.IsRead |= options.Rules.ReadsInput(operation, k);
            if (input.WhyUnreadable() is { } reason)
                node.Operation = new Refused(operation.Name, reason);
        }

        foreach (Value output in outputs)
        {
            output.Producer = node;
            output.IsRead |= options.Rules.ReadsOutput(operation, mode);
            output.IsNonNegative = NonNegativity.Of(operation, inputs);
        }

        return node;
    }

    /// <summary>
    /// Records a call as the operators that <paramref name="written"/> calls to compute the same, and an identity that hands the relevance of the call's output to
    /// their result.
    /// </summary>
    internal void Rewrite(OperatorCall call, Func<torch.Tensor> written)
    {
        Identity whole = new(call.Label);
        string name = names.Current(whole, usedNames);
        foreach (Value argument in DynamicInputs(call.Arguments))
            current[argument.Held.Identity] = argument; // or its copy, where the operator has overwritten it
        torch.Tensor result;
        using (OperatorTap.Aloud())
            result = written();
        if (current.GetValueOrDefault(new RawTensor(result.Handle).Identity) is { IsDynamic: true } value)
            Add(whole, [value], call.Outputs, name);
        else
            call.Refuse("depends on the input by indices or masks alone, which carry no relevance");
    }

    /// <summary>True if the rule of a node reads its output.</summary>
    internal bool ReadsOutput(Node node) => options.Rules.ReadsOutput(node.Operation, mode);

    /// <summary>Names a node after the module that owns its parameters, where no hook has told.</summary>
    internal void NameAfterParameters(Node node)
    {
        if (names.IsLeafRunning)
            return;
        foreach ((_, Value parameter) in node.Parameters)
        {
            if (ModuleNames.OfParameter(parameter) is { } owner)
            {
                if (!ModuleNames.IsWithin(node.Name, owner))
                    node.Name = ModuleNames.Unique(owner, usedNames);
                return;
            }
        }
    }

    internal static Value[] DynamicInputs(Argument[] arguments)
    {
        List<Value> found = [];
        foreach (Argument argument in arguments)
        {
            if (argument.IsTensor && argument.Tensor.IsDynamic)
                found.Add(argument.Tensor);
            foreach (Argument item in argument.Items)
            {
                if (item.IsTensor && item.Tensor.IsDynamic)
                    found.Add(item.Tensor);
            }
        }

        return [.. found];
    }

    /// <summary>The transpose of a constant matrix, row-major: the parameter itself if the matrix is a transposed view of one.</summary>
    internal Value Transposed(Value matrix)
    {
        if (names.OfData(matrix.Held.Data) is { IsContiguous: true, Shape: [var rows, var columns] } parameter
            && matrix.Sizes is [var inputs, var outputs] && inputs == columns && outputs == rows
            && (matrix.Held.Stride(0) == 1 || inputs == 1) && (matrix.Held.Stride(1) == inputs || outputs == 1))
        {
            return Borrow(parameter);
        }

        return Constant(() => matrix.ToTensor().t().contiguous());
    }

    /// <summary>A value that the recorder makes for itself.</summary>
    internal Value Constant(Func<torch.Tensor> compute)
    {
        using var quiet = OperatorTap.Quietly();
        using var scope = torch.NewDisposeScope();
        return Register(new RawTensor(compute().Handle));
    }

    private Value Register(RawTensor tensor)
    {
        using var quiet = OperatorTap.Quietly();
        Value value = new(all.Count, tensor.Shape(), tensor.Hold()) { Name = names.OfData(tensor.Data)?.Name };
        all.Add(value);
        current[tensor.Identity] = value;
        return value;
    }

    private Value Borrow(KnownTensor parameter)
    {
        if (current.TryGetValue(parameter.Held.Identity, out Value? known))
            return known;
        Value value = new(all.Count, parameter.Shape, parameter.Held) { Name = parameter.Name, IsBorrowed = true };
        all.Add(value);
        current[parameter.Held.Identity] = value;
        return value;
    }

    // The overload is given memory for its result, as its last argument. TorchSharp's zero_ is one.
    private static bool HasMemory(string overload) => overload is "out" || overload.EndsWith("_out", StringComparison.Ordinal);

    private bool TouchesDynamic(nint arguments, int count)
    {
        for (int k = 0; k < count; k++)
        {
            IValue value = new(arguments + k * IValue.Size);
            if (value.IsTensor)
            {
                if (IsDynamic(value))
                    return true;
            }
            else if (value.IsList)
            {
                int items = value.ListCount;
                for (int i = 0; i < items; i++)
                {
                    IValue item = new(value.ListStart + i * IValue.Size);
                    if (item.IsTensor && IsDynamic(item))
                        return true;
                }
            }
        }

        return false;
    }

    private bool IsDynamic(IValue tensor) =>
        (current.TryGetValue(tensor.Tensor.Identity, out Value? known) && known.IsDynamic) || IsFilled(tensor.Tensor);

    // Constant memory into which an in-place operator wrote what depends on the input.
    private bool IsFilled(RawTensor tensor)
    {
        if (filled.Count == 0 || !tensor.IsDefined)
            return false;
        TensorMemory memory = new(tensor, tensor.Shape());
        return filled.Exists(f => f.Memory.Overlaps(memory));
    }

    private Argument[] Read(nint arguments, int count)
    {
        Argument[] read = new Argument[count];
        for (int k = 0; k < count; k++)
            read[k] = Read(new IValue(arguments + k * IValue.Size));
        return read;
    }

    private Argument Read(IValue value)
    {
        if (value.IsTensor)
        {
            if (value.Tensor.Identity == 0 || !value.Tensor.IsDefined)
                return Argument.None;
            nint identity = value.Tensor.Identity;
            Value known = current.TryGetValue(identity, out Value? found) ? found
                : names.OfIdentity(identity) is { } parameter ? Borrow(parameter)
                : Register(value.Tensor);
            if (!known.IsDynamic && IsFilled(value.Tensor))
            {
                if (OnlyFiller(value.Tensor) is { } filler)
                    filler.Make(known);
                else
                    known.IsDynamic = known.IsOverwritten = true;
            }

            return new Argument(ArgumentKind.Tensor, 0, 0, known, null);
        }

        if (value.IsNone)
            return Argument.None;
        if (value.IsInt)
            return new Argument(ArgumentKind.Integer, value.Int, 0, null, null);
        if (value.IsDouble)
            return new Argument(ArgumentKind.Real, 0, value.Double, null, null);
        if (value.IsBool)
            return new Argument(ArgumentKind.Boolean, value.Bool ? 1 : 0, 0, null, null);
        if (!value.IsList)
            return new Argument(ArgumentKind.Other, 0, 0, null, null);
        return new Argument(ArgumentKind.List, 0, 0, null, Read(value.ListStart, value.ListCount));
    }

    // Values that a rule reads are copied before an in-place operator destroys them.
    private void BeforeOverwrite(Value target, string name, nint arguments, int count)
    {
        TensorMemory? written = target.Memory;
        bool fused = scope is null && name is "add_" && Lowerings.WillFuseBias(Read(arguments, count));
        if (scope?.HasMade(target) != true)
        {
            if ((!fused && !Lowerings.IsInPlaceIdentity(name)) || target.IsRead)
                Preserve(target);
            target.IsSafe = true;
        }

        if (written is null)
            return;
        if (!target.IsDynamic && target.Held.Type != torch.ScalarType.Bool)
            pendingFill = written;
        foreach (Value other in all)
        {
            if (!other.IsDynamic || scope?.HasMade(other) == true || other.Memory is not { } memory || !memory.Overlaps(written))
                continue;
            if (other.IsRead)
                Preserve(other);
            other.IsSafe = true;
            other.IsOverwritten = true;
        }
    }

    private static void Preserve(Value value)
    {
        using torch.Tensor source = torch.Tensor.UnsafeCreateTensor(value.Held.Hold().Handle);
        using torch.Tensor copy = source.clone();
        value.Replace(new RawTensor(copy.Handle).Hold());
    }

    private static void MarkViews(OperatorCall call, bool isInPlace)
    {
        if (call.Count == 0 || !call[0].IsTensor || isInPlace)
            return;
        Value source = call[0].Tensor;
        nint begin = source.Held.Data;
        nint end = begin + (nint)(Kernels.Execution.DeviceTensor.Count(source.Sizes) * sizeof(float));
        foreach (Value output in call.Outputs)
        {
            nint data = output.Held.Data;
            if (data >= begin && data < end)
                output.ViewOf = source;
        }
    }
}
