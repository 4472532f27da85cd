using System.Runtime.CompilerServices;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Rules;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Graphs;

// Modules of which only the results are kept, and the second run that brings the rest back.
internal sealed partial class GraphRecorder
{
    private readonly List<Segment> segments = [];
    private readonly HashSet<nn.Module> recomputedModules = new(ReferenceEqualityComparer.Instance);
    private Segment? segment;
    private int calls;
    private DisposeScope? segmentScope;
    private long detachedBefore;

    /// <exception cref="UnsupportedLayerException">The module is called with what may hold tensors that are not seen.</exception>
    private void BeginSegment(nn.Module module, object?[] arguments)
    {
        recomputedModules.Add(module);
        // One that calls itself has run when the first of its calls has.
        if (segment?.Module == module)
            calls++;
        if (segment != null || scope != null)
            return;
        using var quiet = OperatorTap.Quietly();
        string path = names.PathOf(module);
        if (Array.Find(arguments, argument => argument is not (null or IConvertible or Tensor)) is { } hiding)
            throw Unseen(path, "is called with", hiding);
        // What it lacks of its tensor would be added to the graph here, not where it is used: such a call is not run again.
        if (arguments.OfType<Tensor>().Any(t => !t.IsInvalid && LacksWrites(new RawTensor(t.Handle))))
            return;
        segment = new Segment(module, path, all.Count, nodes.Count, Array.ConvertAll(arguments, Keep));
        calls = 1;
        segmentScope = NewDisposeScope();
        detachedBefore = DisposeScopeManager.Statistics.DetachedFromScopeCount;
    }

    /// <exception cref="UnsupportedLayerException">The module returned what may hold tensors that are not seen.</exception>
    private void EndSegment(nn.Module module, object? result)
    {
        if (segment?.Module != module || --calls > 0)
            return;
        using var quiet = OperatorTap.Quietly();
        (Segment done, DisposeScope inner) = (segment, segmentScope!);
        (segment, segmentScope) = (null, null);
        segments.Add(done);
        Tensor[] returned;
        using (inner)
        {
            cached.From(inner).Dispose();
            returned = [.. TensorsIn(result, done.Path).Where(t => t is { IsInvalid: false })];
            foreach (Tensor tensor in returned.Where(inner.Contains))
                inner.MoveToOuter(tensor);
        }

        done.Close(all.Count, nodes.Count);
        if (DisposeScopeManager.Statistics.DetachedFromScopeCount == detachedBefore)
            LetGo(done, returned, [.. returned.Concat(Around(inner)).Select(t => new RawTensor(t.Handle).Storage)]);
        if (!done.IsEmpty)
            return;
        segments.Remove(done);
        done.Free();
    }

    // Tensors that were made inside may have been moved out of its scope, to any of those around it.
    private static IEnumerable<Tensor> Around(DisposeScope inner)
    {
        for (DisposeScope? outer = Outer(inner); outer != null; outer = Outer(outer))
        {
            foreach (Tensor tensor in outer.DisposablesView.OfType<Tensor>().Where(t => !t.IsInvalid))
                yield return tensor;
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_OuterScope")]
    private static extern DisposeScope? Outer(DisposeScope scope);

    // What was made inside and is seen by nobody any more: where a tensor lies in memory that is still in use, nothing would be won.
    private void LetGo(Segment done, Tensor[] returned, HashSet<nint> visible)
    {
        visible.UnionWith(all.Take(done.FirstValue).Where(v => !v.IsLetGo && !v.IsBorrowed).Select(v => v.Storage));
        visible.Add(0);
        Value[] inside = [.. all.Skip(done.FirstValue).Where(v => !v.IsBorrowed)];
        // A layer outside that took the bias which was added inside, or will take the normalisation.
        visible.UnionWith(inside.Where(v => v.Producer?.Index < done.FirstNode || IsMergedInto(v.Producer, done)).Select(v => v.Storage));
        // A layer inside whose bias may be added outside may then be recorded there too, without it.
        visible.UnionWith(inside.Where(v => visible.Contains(v.Storage) && v.Producer?.Operation is Linear).SelectMany(v => v.Producer!.InputValues).Select(v => v.Storage).ToArray());
        // The parts of complex numbers are read where those are.
        visible.UnionWith(parts.Where(p => visible.Contains(p.Key.Storage)).SelectMany(p => new[] { p.Value.Real.Storage, p.Value.Imaginary.Storage }).ToArray());
        HashSet<nint> made = [.. inside.Where(v => v.IsMade && v.IsDynamic && v.ViewOf is null).Select(v => v.Storage)], gone = [.. made.Except(visible)];
        foreach (Value value in inside.Where(v => gone.Contains(v.Storage)))
        {
            value.LetGo();
            done.Add(value);
        }

        if (done.IsEmpty)
            return;
        // All that is left is compared with that of the second run, which writes into memory that is not its own once more.
        foreach (Value value in inside.Where(v => v.WhyUnreadable() is null && (v.IsDynamic || returned.Any(t => v.Held.Identity == new RawTensor(t.Handle).Identity))))
        {
            value.IsRead = true;
            done.Keep(value, isOwn: made.Contains(value.Storage));
        }

        // Their addresses may be given to others now.
        foreach (nint storage in gone)
            writes.Remove(storage);
        filled.RemoveAll(f => gone.Contains(f.Memory.Storage));
        foreach ((nint identity, _) in current.Where(entry => entry.Value.IsLetGo).ToArray())
            current.Remove(identity);
    }

    private bool IsMergedInto(Node? node, Segment done) =>
        node?.InputValues is [{ Producer.Index: var index }, ..] && index < done.FirstNode && BatchNormalisations.MayMerge(node, options.Rules);

    // Something was written into the tensor that its value has not got yet.
    private bool LacksWrites(RawTensor tensor) =>
        current.GetValueOrDefault(tensor.Identity) is var known && (IsStale(known, tensor) || (known is not { IsDynamic: true } && IsFilled(tensor)));

    private object? Keep(object? argument)
    {
        if (argument is not Tensor { IsInvalid: false } tensor)
            return argument;
        RawTensor raw = new(tensor.Handle);
        if (!current.TryGetValue(raw.Identity, out Value? value))
            return raw.Hold();
        value.IsRead = true;
        return value;
    }

    private static IEnumerable<Tensor> TensorsIn(object? result, string path) => result switch
    {
        null or IConvertible => [],
        Tensor tensor => [tensor],
        IEnumerable<Tensor> list => list,
        ITuple tuple => Enumerable.Range(0, tuple.Length).SelectMany(k => TensorsIn(tuple[k], path)),
        _ => throw Unseen(path, "returns", result),
    };

    private static UnsupportedLayerException Unseen(string path, string verb, object what) =>
        new($"Recompute names '{path}', but it {verb} a {what.GetType().Name}, which may hold tensors that are not seen. Leave it out, or name modules inside.");

    // The second run would find a tensor that was made before it changed.
    private void EnsureKept(TensorMemory written, string operatorName)
    {
        if (segment is { } running && all.Take(running.FirstValue).Any(v => v.IsDynamic && !v.IsLetGo && v.Storage == written.Storage && v.Memory.Overlaps(written)))
            throw new UnsupportedLayerException($"Recompute names '{running.Path}', but it changes a tensor that was made before, by {operatorName}, so that it cannot be run again. Leave it out, or name modules inside.");
    }

    /// <summary>Another handle on a value's tensor, for a node that takes the place of the value's producer.</summary>
    private Value Alias(Value value)
    {
        if (!value.IsLetGo)
            return Constant(() => value.ToTensor().alias());
        Value alias = new(all.Count, value.Sizes, default) { IsLetGo = true };
        all.Add(alias);
        segments.First(s => value.Id >= s.FirstValue && value.Id < s.EndValue).AddAlias(alias, value);
        return alias;
    }

    private void CloseSegments()
    {
        if (segmentScope is { } open)
        {
            cached.From(open).Dispose();
            open.Dispose();
        }

        segment?.Free();
        if (recomputed != null)
            recomputed.Listener = null;
    }

    /// <summary>Runs the module of a segment again and brings its values back.</summary>
    /// <exception cref="InvalidModelException">It computed something else.</exception>
    /// <exception cref="UnsupportedLayerException">A hook changes what it is called with.</exception>
    public static void Fill(Segment segment, RelevanceGraph graph, ModuleNames names, CollapsedModules modules, RecomputedModules recomputed, CachedTensors cached, BacktracerOptions options)
    {
        GraphRecorder recorder = new(names, modules, null, cached, options) { Samples = SamplesOf(graph.Inputs) };
        foreach (Value value in graph.Values.Take(segment.FirstValue).Where(value => !value.IsLetGo))
            recorder.current[value.Held.Identity] = value;
        int count = 0;
        try
        {
            names.Listener = (recorder.Begin, recorder.End);
            // What hooks of the module do with its result comes later, as it did before.
            recomputed.Listener = ((module, arguments) => EnsureUnchanged(segment, module, arguments), (module, _) => count = module == segment.Module ? recorder.all.Count : count);
            (Value Value, Tensor Expected)[] kept = [.. segment.Kept.Select(k => (k.Value, k.IsOwn ? k.Value.ToTensor() : k.Value.ToTensor().clone()))];
            OperatorTap.Listen(recorder, segment.Call);
            if (count != segment.EndValue - segment.FirstValue || !segment.Inner.All(value => IsSame(value, recorder.all[value.Id - segment.FirstValue])))
                throw Different(segment, "called other operators");
            if (!kept.All(k => HasSameValues(k.Expected, recorder.all[k.Value.Id - segment.FirstValue])))
                throw Different(segment, "computed other values");
            segment.Fill(recorder.all);
        }
        finally
        {
            names.Listener = null;
            recomputed.Listener = null;
            foreach (Value value in recorder.all)
                value.Free();
        }
    }

    /// <exception cref="UnsupportedLayerException">A hook has changed what the module is called with, which it was called with before: it has changed that twice.</exception>
    private static void EnsureUnchanged(Segment segment, nn.Module module, object?[] arguments)
    {
        object?[] given = segment.TakeGiven();
        if (module == segment.Module && !arguments.Zip(given).All(pair => pair.First is Tensor ? ReferenceEquals(pair.First, pair.Second) : Equals(pair.First, pair.Second)))
            throw new UnsupportedLayerException($"Recompute names '{segment.Path}', but a hook changes what it is called with. Leave it out, or name modules inside.");
    }

    private static long SamplesOf(IReadOnlyList<Value> inputs) => inputs is [{ Sizes: [var samples, ..] }, ..] ? samples : 1;

    private static bool IsSame(Value value, Value again) => value.IsDynamic == again.IsDynamic && value.Sizes.AsSpan().SequenceEqual(again.Sizes);

    // libtorch's own sums may come in another order, but no more than that.
    private static bool HasSameValues(Tensor first, Value again)
    {
        if (again.WhyUnreadable() is not null)
            return false;
        using var quiet = OperatorTap.Quietly();
        using var temporary = NewDisposeScope();
        Tensor second = again.ToTensor();
        if (!first.shape.SequenceEqual(second.shape) || first.dtype != second.dtype)
            return false;
        if (!first.is_floating_point() && !first.is_complex())
            return first.equal(second).all().item<bool>();
        double share = first.element_size() < sizeof(float) ? 1e-2 : 1e-4, largest = first.numel() == 0 ? 0 : first.abs().to(float64).nan_to_num(0, 0, 0).max().item<double>();
        return allclose(first, second, share, share * largest, equal_nan: true);
    }

    private static InvalidModelException Different(Segment segment, string what) =>
        new($"{segment.Path} {what} when it was run a second time: it draws random numbers, keeps something from one call to the next, or reads what has changed since. Take it out of Recompute.");
}
