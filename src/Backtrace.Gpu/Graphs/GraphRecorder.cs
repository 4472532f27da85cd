using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using TorchSharp;

namespace Backtrace.Gpu.Graphs;

/// <summary>
/// Builds the graph of one forward pass while libtorch runs it. A tensor is known by the identity of its implementation; every tensor
/// that matters is held until the graph is disposed, so identities stay unique.
/// </summary>
internal sealed partial class GraphRecorder(ModuleNames names, CollapsedModules modules, RecomputedModules? recomputed, CachedTensors cached, BacktracerOptions options) : OperatorTap.IListener
{
    private const long CheckedAfter = 64 << 20;

    private readonly Dictionary<nint, Value> current = [];
    private readonly List<Value> all = [];
    private readonly List<Node> nodes = [];
    private readonly HashSet<string> usedNames = [];
    private readonly SortedSet<string> endings = []; // operators that read the input and carry no relevance
    private readonly Mode mode = options.Mode;
    private long unseen; // entries recorded since it was asked whether there is room for more
    private (nint Name, nint Overload, nint Arguments, int Count) pending;
    private Lowering? pendingLowering;
    private bool pendingInPlace;

    /// <summary>Number of samples, as far as the first input tells.</summary>
    internal long Samples { get; private set; } = 1;

    /// <summary>Runs a forward pass and returns its graph.</summary>
    /// <exception cref="UnsupportedLayerException">The outputs depend on operators without rule.</exception>
    public static RelevanceGraph Record(
        ModuleNames names, CollapsedModules modules, RecomputedModules? recomputed, CachedTensors cached, BacktracerOptions options, IReadOnlyList<torch.Tensor> inputs,
        Func<IReadOnlyList<torch.Tensor>> forward)
    {
        GraphRecorder recorder = new(names, modules, recomputed, cached, options);
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

            recorder.Samples = SamplesOf(explained);
            names.Listener = (recorder.Begin, recorder.End);
            recomputed?.Listener = (recorder.BeginSegment, recorder.EndSegment);
            IReadOnlyList<torch.Tensor> outputs = OperatorTap.Listen(recorder, forward);
            modules.EnsureUsed(recorder.called);
            recomputed?.EnsureUsed(recorder.recomputedModules);
            Value[] results = new Value[outputs.Count];
            for (int k = 0; k < results.Length; k++)
            {
                results[k] = outputs[k] switch
                {
                    null => throw new InvalidModelException($"Output {k} of the model is null."),
                    { IsInvalid: true } => throw new InvalidModelException($"Output {k} of the model was disposed before it was returned."),
                    { } output => recorder.Output(k, output),
                };
            }

            recorder.KeepUsedOutputs(results);
            BatchNormalisations.Prepare(recorder.nodes, results, options.Rules, recorder.Constant, recorder.Alias);
            return new RelevanceGraph(recorder.mode, recorder.nodes, explained, results, recorder.all, [.. recorder.segments]);
        }
        catch
        {
            foreach (Value value in recorder.all)
                value.Free();
            recorder.segments.ForEach(s => s.Free());
            throw;
        }
        finally
        {
            names.Listener = null;
            recorder.CloseSegments();
        }
    }

    public bool IsComposite(nint name) => OperatorNames.IsComposite(name) && !options.Operators.ContainsKey(OperatorNames.Find(name).Name);

    public bool Before(nint name, nint overload, nint arguments, int count)
    {
        pendingFill = null;
        DropCopies();
        if (!TouchesDynamic(arguments, count))
            return false;
        (string text, pendingLowering, pendingInPlace) = OperatorNames.Find(name);
        pendingMemory = OperatorNames.HasMemory(overload);
        if (pendingInPlace || pendingMemory)
            BeforeOverwrite(text, arguments, count);
        return true;
    }

    public void Enter(nint name, nint overload, nint arguments, int count) => pending = (name, overload, arguments, count);

    public void Leave(nint results, int count)
    {
        using var quiet = OperatorTap.Quietly();
        string text = OperatorNames.Find(pending.Name).Name;
        bool isInPlace = pendingInPlace || pendingMemory, isOwn = false;
        if (options.Operators.Count > 0 && options.Operators.GetValueOrDefault(pendingInPlace ? text[..^1] : text) is { } added)
            (pendingLowering, isOwn) = (added, true);
        int written = isInPlace ? WrittenPlace(pending.Count) : -1;
        bool isView = !isInPlace && !isOwn && scope is null && IsViewOfWritten(results, count);
        bool replaces = pendingMemory || Replacing.Contains(text);
        Argument[] read = Read(pending.Arguments, pending.Count, stale: isView ? 0 : replaces ? written : -1);
        if (pendingFill is { } fill)
            filled.Add((fill, scope!));
        ReadInside(text, read);
        if (pendingMemory && !Lowerings.CarriesNothing(text))
        {
            pendingLowering = null;
            scope?.Refuse($"uses {text} with memory for its result");
        }

        OperatorCall call = new(this, text, OperatorNames.Text(pending.Overload), read);
        List<Value> outputs = [];
        for (int k = 0; k < count; k++)
        {
            IValue value = new(results + k * IValue.Size);
            if (value.IsTensor && value.Tensor.IsDefined)
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
        foreach (Value output in outputs)
            output.IsMade = !isInPlace && !isView;
        if (isView)
            InheritWrites(outputs, read[0].Tensor);
        if (DynamicInputs(read).Length > 0)
            Lower(call, isInPlace, isOwn);
        if (isInPlace && scope is null)
            AddWrites(outputs);
    }

    private void Lower(OperatorCall call, bool isInPlace, bool isOwn)
    {
        if (scope != null)
        {
            MakeInside(call);
            MarkViews(call, isInPlace);
            return;
        }

        foreach (Value output in call.Outputs)
            output.IsDynamic = output.Held.Type != torch.ScalarType.Bool;
        if (!call.Outputs.Any(o => o.IsDynamic))
        {
            endings.Add(call.Label);
            return; // masks carry no relevance
        }

        Value[] made = call.Outputs;
        if (!isOwn && Lowerings.IsComplex(call))
            Lowerings.LowerComplex(call);
        else if (pendingLowering is null)
            call.Refuse("has no rule");
        else
            pendingLowering(call);
        if (Array.TrueForAll(made, static o => !o.IsDynamic))
            endings.Add(call.Label);
        if (made.Any(o => o.IsDynamic && o.Producer is null))
            call.Refuse("has a lowering that neither emitted a node nor said that the result carries nothing");
        MarkViews(call, isInPlace);
    }

    internal Node Add(Operation operation, Value[] inputs, Value[] outputs, string? name = null)
    {
        foreach (Value input in inputs)
            Restore(input);
        Node node = new(nodes.Count, name ?? names.Current(operation, usedNames), operation, inputs, outputs);
        nodes.Add(node);
        for (int k = 0; k < inputs.Length; k++)
        {
            Value input = inputs[k];
            input.Uses++;
            bool isRead = options.Rules.ReadsInput(operation, k);
            input.IsRead |= isRead;
            if ((isRead ? input.WhyUnreadable() : input.WhyUnusable()) is { } reason)
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
    /// Records a call as the operators that <paramref name="written"/> calls to compute the same, and identities that hand the relevance of each of the call's outputs
    /// to its result among theirs.
    /// </summary>
    internal void Rewrite(OperatorCall call, Func<torch.Tensor[]> written)
    {
        Identity whole = new(call.Label);
        string[] labels = Array.ConvertAll(call.Outputs, _ => names.Current(whole, usedNames));
        foreach (Value argument in DynamicInputs(call.Arguments))
            current[argument.Held.Identity] = argument; // or its copy, where the operator has overwritten it
        using var temporary = torch.NewDisposeScope();
        torch.Tensor[] results;
        using (OperatorTap.Aloud())
            results = written();
        Value?[] values = Array.ConvertAll(results, result => current.GetValueOrDefault(new RawTensor(result.Handle).Identity));
        if (values.Any(value => value is not { IsDynamic: true }))
        {
            call.Refuse("depends on the input by indices or masks alone, which carry no relevance");
            return;
        }

        for (int k = 0; k < values.Length; k++)
            Add(whole, [values[k]!], [call.Outputs[k]], labels[k]);
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

    private Value Output(int k, torch.Tensor tensor)
    {
        using var quiet = OperatorTap.Quietly();
        RawTensor output = new(tensor.Handle);
        Value value = UpToDate(Find(output), output);
        Restore(value);
        if (value.IsDynamic)
            return value.IsLost ? throw new UnsupportedLayerException([$"output {k}: {value.WhyUnusable()}"]) : value;
        throw new UnsupportedLayerException(tensor.is_floating_point()
            ? $"Output {k} of the model does not depend on its inputs by any operator that was recorded{(endings.Count == 0 ? "" : $", other than by {string.Join(", ", endings)}, whose results carry no relevance (docs/rules.md)")}."
            : $"Output {k} of the model is of the type {tensor.dtype}: choices and counts carry no relevance. Return the scores that they are made of.");
    }

    private Value Register(RawTensor tensor)
    {
        using var quiet = OperatorTap.Quietly();
        Value value = new(all.Count, tensor.Shape(), tensor.Hold()) { Name = names.OfData(tensor.Data)?.Name };
        if (writes.Count > 0 && tensor.IsDefined)
            value.Writes = WritesInto(tensor);
        all.Add(value);
        current[tensor.Identity] = value;
        unseen += DeviceTensor.Count(value.Sizes);
        if (unseen >= CheckedAfter)
            EnsureRoom();
        return value;
    }

    // What is recorded is held, so that a long text may fill the memory where the model alone would not.
    private void EnsureRoom()
    {
        unseen = 0;
        long left = FreeMemory.Bytes();
        if (left >= FreeMemory.Reserve)
            return;
        foreach (Value value in all)
            value.Free();
        all.Clear();
        current.Clear();
        string place = string.IsNullOrEmpty(names.Running) ? "The forward pass" : names.Running;
        throw new DeviceException($"{place} is about to fill the memory: {left >> 20} MiB are left, and activations are kept until relevance has passed them. Explain smaller batches or shorter inputs, or have blocks computed again (BacktracerOptions.Recompute, explain --recompute).");
    }

    private Value Borrow(KnownTensor parameter)
    {
        if (current.TryGetValue(parameter.Held.Identity, out Value? known))
            return known;
        Value value = new(all.Count, parameter.Shape, parameter.Held) { Name = parameter.Name, IsBorrowed = true, IsWeight = parameter.IsParameter };
        all.Add(value);
        current[parameter.Held.Identity] = value;
        return value;
    }
}
