using System.Diagnostics;
using System.Runtime.InteropServices;
using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Runs;
using Backtrace.Gpu.Targets;
using TorchSharp;
using static TorchSharp.torch;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu;

/// <summary>
/// Explains a TorchSharp model with DLBacktrace (arXiv 2411.12643): relevance starts at the output and is handed back, layer by layer, to
/// the inputs. Keep one per model: it reuses its memory. Used by one thread at a time: a call meets an <see cref="InvalidOperationException"/> while another
/// one runs. Several threads have one each, and may share model and device. Nor may another thread train the model meanwhile, which is put into evaluation mode while it, or a
/// part of it, is recorded. Weights may change between calls, unless <see cref="BacktracerOptions.KeepWeights"/> says that they do not.
/// </summary>
/// <example><code>
/// using var backtracer = new Backtracer(model);
/// using Explanation e = backtracer.Explain(image, Target.Argmax());
/// Tensor relevance = e.Input;
/// </code></example>
public sealed class Backtracer : IDisposable
{
    private readonly nn.Module? model;
    private readonly Func<IReadOnlyList<Tensor>, IReadOnlyList<Tensor>> forward;
    private readonly BacktracerOptions options;
    private readonly Device device;
    private readonly bool ownsDevice;
    private readonly Arena arena;
    private readonly IContraction contraction;
    private readonly KeptWeights? kept;
    private readonly Scheduler scheduler;
    private readonly HashSet<string> layers;
    private readonly ModuleNames names;
    private readonly CachedTensors cached;
    private readonly CollapsedModules modules;
    private readonly RecomputedModules? recomputed;
    private readonly Turnstile turnstile;

    /// <summary>Prepares a model. On OpenCL and CUDA this waits, as long as it takes, until no other thread computes relevance on the device.</summary>
    /// <param name="model">
    /// The network, of TorchSharp or TorchScript; stays the caller's. Its inputs are tensors, its outputs a tensor, or tuples or lists of them; for others there is the other constructor. Its weights are checked now, and again by <see cref="Refresh"/>.
    /// </param>
    /// <param name="device">Where relevance is computed, the CPU when null; stays the caller's, who disposes it after the backtracer.</param>
    /// <param name="options">Rules, mode, precision, layers whose relevance is wanted; the defaults when null.</param>
    /// <exception cref="InvalidModelException">A weight is NaN or infinite, or has no values.</exception>
    /// <exception cref="UnknownLayerException"><see cref="BacktracerOptions.Modules"/> names a module that the model does not have.</exception>
    /// <exception cref="ObjectDisposedException">The device, the model or a part of it is disposed.</exception>
    /// <exception cref="NotSupportedException">libtorch is another version, or computes wrong on this processor.</exception>
    public Backtracer(nn.Module model, Device? device = null, BacktracerOptions? options = null)
        : this(model ?? throw new ArgumentNullException(nameof(model)), inputs => ModelRunner.Call(model, inputs), device, options)
    {
    }

    /// <summary>
    /// Prepares a function of tensors: for models that are called in a way of their own, or whose result needs more before it is explained. Waits as the other constructor does.
    /// </summary>
    /// <param name="model">Gives names to the layers that the function calls, and is put into evaluation mode; null where there is none.</param>
    /// <param name="forward">
    /// From the explained inputs to the outputs. Called in each explanation, sometimes more than once. Tensors that it makes and keeps for the next call, other than in fields of the model, it has to
    /// detach from their scope (<c>DetachFromDisposeScope</c>).
    /// </param>
    /// <param name="device">As for the other constructor.</param>
    /// <param name="options">As for the other constructor.</param>
    /// <inheritdoc cref="Backtracer(nn.Module, Device?, BacktracerOptions?)" path="/exception"/>
    public Backtracer(nn.Module? model, Func<IReadOnlyList<Tensor>, IReadOnlyList<Tensor>> forward, Device? device = null, BacktracerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(forward);
        this.model = model;
        this.forward = forward;
        turnstile = new Turnstile(nameof(Backtracer), Release);
        this.options = options ?? new BacktracerOptions();
        layers = [.. this.options.Layers];
        OneDnn.EnsureRight(); // says which package is missing, if libtorch is
        RecordFunction.EnsureUnderstood();
        CheckWeights();
        ownsDevice = device is null;
        this.device = device ?? Device.Cpu(OpenMpWorkers.Create());
        arena = new Arena(this.device);
        names = new ModuleNames(model);
        cached = new CachedTensors(names.Modules);
        try
        {
            names.EnsureAlive();
            modules = new CollapsedModules(this.options.Modules, names);
            recomputed = this.options.Recompute.Count > 0 ? new RecomputedModules(this.options.Recompute, names) : null;
            using Lock.Scope turn = TakeTurn();
            contraction = Contractions.Create(this.device, arena, this.options.Precision, this.options.ContractionLibrary);
            kept = this.options.KeepWeights && this.device.Kind != DeviceKind.Cpu ? new KeptWeights(this.device, arena) : null;
            scheduler = new Scheduler(this.device, contraction, arena, this.options.Rules, kept);
        }
        catch
        {
            Release();
            throw;
        }
    }

    /// <summary>Memory of the device that is held for reuse, in bytes.</summary>
    public long HeldBytes => arena.HeldBytes;

    /// <summary>Lends memory of the device: nothing is lent between explanations but weights that are kept.</summary>
    internal Arena Arena => arena;

    /// <summary>Hears how long the visit of each node took, for profiles.</summary>
    internal Action<Node, TimeSpan>? Visited
    {
        set => scheduler.Visited = value;
    }

    /// <summary>Explains one batch, [N, ...].</summary>
    /// <param name="input">The batch: numbers or ids, as the model reads them.</param>
    /// <param name="target">Which output is explained.</param>
    /// <param name="cancellation">Looked at before and after the forward pass and between layers; not while other threads use the device (OpenCL, CUDA).</param>
    /// <returns>Relevance, in host memory. The caller's.</returns>
    /// <exception cref="UnsupportedLayerException">
    /// The model has layers without rule; all are listed, nothing was explained. Or an output does not depend on the inputs, as for <see cref="Record"/>.
    /// </exception>
    /// <exception cref="UnknownLayerException">The rules or options name a layer that the model does not have; close names are listed.</exception>
    /// <exception cref="InvalidModelException">
    /// The input is empty, NaN or infinite, or the model cannot compute it, such as one of the wrong shape, or values leave the range of fp32 on the way.
    /// </exception>
    /// <exception cref="TargetException">The target does not fit the output.</exception>
    /// <exception cref="LedgerException">Relevance was lost: the result is not returned.</exception>
    /// <exception cref="DeviceException">There is not enough memory for the forward pass, or for relevance on the device.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled, before or after the forward pass or between two layers; the next call is unharmed.</exception>
    /// <exception cref="InvalidOperationException">Another call is running, or this one was made inside of a forward pass that is recorded.</exception>
    /// <exception cref="ObjectDisposedException">The backtracer, its device or its model is disposed.</exception>
    public Explanation Explain(Tensor input, Target target, CancellationToken cancellation = default) => Explain([input], [target], cancellation)[0];

    /// <summary>Explains one batch of a model with several inputs.</summary>
    /// <param name="inputs">One tensor for each input of the model, [N, ...] each; a tensor is given once.</param>
    /// <param name="target">Which output is explained.</param>
    /// <param name="cancellation">Looked at before and after the forward pass and between layers; not while other threads use the device (OpenCL, CUDA).</param>
    /// <returns>Relevance of each input, in host memory. The caller's.</returns>
    /// <inheritdoc cref="Explain(Tensor, Target, CancellationToken)" path="/exception"/>
    public Explanation Explain(IReadOnlyList<Tensor> inputs, Target target, CancellationToken cancellation = default) => Explain(inputs, [target], cancellation)[0];

    /// <summary>
    /// Explains several targets of one batch in one pass: they share the forward pass and all denominators. All targets must be on the same
    /// output of the model. One explanation per target, each the caller's; the memory of their <see cref="Explanation.Prediction"/> is one.
    /// </summary>
    /// <param name="inputs">One tensor for each input of the model, [N, ...] each; a tensor is given once.</param>
    /// <param name="targets">What is explained, at least one.</param>
    /// <param name="cancellation">Looked at before and after the forward pass and between layers; not while other threads use the device (OpenCL, CUDA).</param>
    /// <inheritdoc cref="Explain(Tensor, Target, CancellationToken)" path="/exception"/>
    public IReadOnlyList<Explanation> Explain(IReadOnlyList<Tensor> inputs, IReadOnlyList<Target> targets, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(targets);
        foreach (Target target in targets)
            ArgumentNullException.ThrowIfNull(target, nameof(targets));
        OperatorTap.EnsureSilent();
        using Turnstile.Visit visit = turnstile.Enter();
        cancellation.ThrowIfCancellationRequested();
        InputChecks.Ensure(inputs);
        if (targets.Count == 0 || targets.Any(t => t.Output != targets[0].Output))
            throw new TargetException("Give at least one target, and only targets on the same output in one pass.");
        arena.ResetPeak();
        long started = Stopwatch.GetTimestamp();
        using var scope = NewDisposeScope();
        using CachedTensors.Rescue rescue = cached.From(scope);
        using RelevanceGraph graph = RecordForward(inputs, recomputed);
        double forwardSeconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        if (targets[0].Output < 0 || targets[0].Output >= graph.Outputs.Count)
            throw new TargetException($"Output {targets[0].Output} does not exist: the model has {graph.Outputs.Count}.");

        started = Stopwatch.GetTimestamp();
        Value output = graph.Outputs[targets[0].Output];
        InputChecks.EnsureBatch(output, inputs, targets);
        using Tensor prediction = Tensor.UnsafeCreateTensor(output.Held.Hold().Handle).to(float32, CPU).contiguous();
        ValueRange.EnsureComputed(output, prediction, graph);
        long asked = Stopwatch.GetTimestamp();
        using Lock.Scope turn = TakeTurn();
        started += Stopwatch.GetTimestamp() - asked;
        int rows = options.LedgerPerSample ? checked((int)output.Sizes.FirstOrDefault(1)) : 1;
        (Seed[] seeds, double[][] scales) = Seeds(targets, prediction, output, rows);
        RelevanceStream[] results = scheduler.Run(graph, output, seeds, rows, layers, cancellation);
        return Finish(graph, targets, results, scales, prediction, forwardSeconds, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    /// <summary>Records one forward pass without explaining it. The graph holds the activations until it is disposed.</summary>
    /// <param name="inputs">One tensor for each input of the model, [N, ...] each.</param>
    /// <exception cref="UnsupportedLayerException">
    /// An output does not depend on the inputs, or is no floating-point number, or its values are gone; or <see cref="BacktracerOptions.Modules"/> has a rule for a module that
    /// was not run with <c>call</c>. Layers without rule are no error yet.
    /// </exception>
    /// <exception cref="UnknownLayerException"><see cref="BacktracerOptions.Saturations"/> names a layer that the model does not have.</exception>
    /// <exception cref="InvalidModelException">
    /// An input is missing, empty, NaN or infinite, or the model cannot compute it, such as one of the wrong shape, or takes another number of inputs, or returns null.
    /// </exception>
    /// <exception cref="DeviceException">There is not enough memory for the forward pass.</exception>
    /// <exception cref="InvalidOperationException">Another call is running, or this one was made inside of a forward pass that is recorded.</exception>
    /// <exception cref="ObjectDisposedException">The backtracer or its model is disposed.</exception>
    public RelevanceGraph Record(IReadOnlyList<Tensor> inputs) => Recorded(inputs, null);

    /// <summary>As <see cref="Record"/>, but of modules to be computed again only the results are kept: <see cref="RelevanceGraph.EnsureFilled"/> brings the rest back.</summary>
    internal RelevanceGraph RecordFrugally(IReadOnlyList<Tensor> inputs) => Recorded(inputs, recomputed);

    private RelevanceGraph Recorded(IReadOnlyList<Tensor> inputs, RecomputedModules? skipped)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        OperatorTap.EnsureSilent();
        using Turnstile.Visit visit = turnstile.Enter();
        InputChecks.Ensure(inputs);
        using var scope = NewDisposeScope();
        using CachedTensors.Rescue rescue = cached.From(scope);
        return RecordForward(inputs, skipped);
    }

    /// <summary>
    /// Lists the layers of a model, in the order of its forward pass: the names that <see cref="BacktracerOptions.Layers"/>, <see cref="BacktracerOptions.Saturations"/> and
    /// <see cref="RuleSet.With(string, Rule)"/> accept. A layer is a module without parts, or an operator that the model calls between its modules, such as
    /// <c>layer1.0.Add</c>. Layers beside the way from the inputs to the outputs are not listed. The model is run once on the inputs, and nothing is explained.
    /// </summary>
    /// <param name="inputs">One tensor for each input of the model, [N, ...] each; one sample is enough.</param>
    /// <inheritdoc cref="Record" path="/exception"/>
    public IReadOnlyList<LayerInfo> ListLayers(IReadOnlyList<Tensor> inputs)
    {
        using RelevanceGraph graph = RecordFrugally(inputs);
        bool[] onPath = graph.NodesOnPath(graph.Outputs);
        return [.. graph.Nodes.Where(node => onPath[node.Index]).Select(node => new LayerInfo(node.Name, node.Operation.Name, [.. node.OutputValues[0].Sizes]))];
    }

    /// <summary>Lists the layers of a model with one input, as <see cref="ListLayers(IReadOnlyList{Tensor})"/> does.</summary>
    /// <param name="input">[N, ...]; one sample is enough.</param>
    /// <inheritdoc cref="Record" path="/exception"/>
    public IReadOnlyList<LayerInfo> ListLayers(Tensor input) => ListLayers([input]);

    /// <summary>Checks the weights again and learns where they are, after they were loaded or moved; lets go of copies that were kept.</summary>
    /// <exception cref="InvalidModelException">A weight is NaN or infinite, or has no values.</exception>
    public void Refresh()
    {
        using Turnstile.Visit visit = turnstile.Enter();
        names.EnsureAlive();
        CheckWeights();
        kept?.Clear();
        if (model != null)
            names.Refresh(model);
    }

    /// <summary>
    /// Releases its memory and what it hung on the model; while a call runs on another thread, as soon as that is over. On OpenCL and CUDA this waits until no other thread
    /// computes relevance on the device.
    /// </summary>
    public void Dispose() => turnstile.End();

    private Lock.Scope TakeTurn()
    {
        Lock.Scope turn = device.TakeTurn();
        if (!device.IsDisposed)
            return turn;
        turn.Dispose();
        throw new ObjectDisposedException(nameof(Device), "The device was disposed before the Backtracer that computes on it. Dispose the Backtracer first.");
    }

    private void Release()
    {
        using Lock.Scope turn = device.TakeTurn();
        (contraction as IDisposable)?.Dispose();
        recomputed?.Dispose();
        names.Dispose();
        arena.Dispose();
        if (ownsDevice)
            device.Dispose();
    }

    private RelevanceGraph RecordForward(IReadOnlyList<Tensor> inputs, RecomputedModules? skipped)
    {
        RelevanceGraph graph = Run(inputs, () => GraphRecorder.Record(
            names, modules, skipped, cached, options, inputs, () => forward(inputs) ?? throw new InvalidModelException("The forward pass returned null. Return the model's outputs.")));
        graph.Refill = segment => Run(inputs, () => Refill(segment, graph), " when it was run a second time");
        MaskAdditions.Attach(graph);
        SaturationTests.Attach(graph, options);
        return graph;
    }

    private Segment Refill(Segment segment, RelevanceGraph graph)
    {
        using var scope = NewDisposeScope();
        using CachedTensors.Rescue rescue = cached.From(scope);
        GraphRecorder.Fill(segment, graph, names, modules, recomputed!, cached, options);
        return segment;
    }

    // The model runs, or a part of it, and is recorded.
    private T Run<T>(IReadOnlyList<Tensor> inputs, Func<T> recorded, string when = "")
    {
        using EvaluationMode mode = EvaluationMode.Of(names);
        try
        {
            using var quiet = no_grad();
            return OperatorTap.Undisturbed(() =>
            {
                names.Start();
                return recorded();
            });
        }
        catch (Exception e) when (TorchError.IsOfTorch(e))
        {
            string place = string.IsNullOrEmpty(names.Running) ? "The forward pass" : names.Running;
            string shapes = string.Join(" and ", inputs.Select(i => i.IsInvalid ? "a tensor that is disposed" : $"[{string.Join(", ", i.shape)}] {i.dtype}"));
            string reason = TorchError.Reason(e);
            if (TorchError.IsOutOfMemory(e))
                throw new DeviceException($"{place} is out of memory; the model was given {shapes}. Explain smaller batches or shorter inputs, or have blocks computed again (BacktracerOptions.Recompute, explain --recompute). libtorch says: {reason}", e);
            string left = recomputed != null && TorchError.IsOfDisposed(e) ? " Of modules that Recompute names only what they return, or keep in fields of their own, is left when they have run." : "";
            throw new InvalidModelException($"{place} failed in libtorch{when}; the model was given {shapes}: {reason}{left}", e);
        }
        finally
        {
            names.Stop();
        }
    }

    // One seed per stream, and the sums of its start relevance without signs, [rows].
    private unsafe (Seed[] Seeds, double[][] Scales) Seeds(IReadOnlyList<Target> targets, Tensor prediction, Value output, int rows)
    {
        int length = checked((int)DeviceTensor.Count(output.Sizes));
        ReadOnlySpan<float> values = new((float*)new RawTensor(prediction.Handle).Data, length);
        float[] seed = new float[length], opposing = options.Mode == Mode.Default ? [] : new float[length];
        List<double[]> scales = [];
        List<Seed> seeds = [];
        foreach (Target target in targets)
        {
            if (options.Mode == Mode.Default)
                target.Write(values, output.Sizes, seed);
            else
                target.WriteContrastive(values, output.Sizes, OutputKinds.Of(output), seed, opposing);
            Keep(seed);
            if (options.Mode == Mode.Contrastive)
                Keep(opposing);
        }

        return ([.. seeds], [.. scales]);

        void Keep(float[] relevance)
        {
            double[] sums = new double[rows];
            for (int k = 0; k < length; k++)
                sums[k / (length / rows)] += Math.Abs((double)relevance[k]);
            scales.Add(sums);
            seeds.Add(Seed.Of(relevance));
        }
    }

    private Explanation[] Finish(RelevanceGraph graph, IReadOnlyList<Target> targets, RelevanceStream[] results, double[][] scales, Tensor prediction, double forwardSeconds, double relevanceSeconds)
    {
        long peak = arena.PeakBytes + graph.ActivationBytes;
        int perTarget = results.Length / targets.Count;
        Explanation[] explanations = new Explanation[targets.Count];
        // One copy for all: of a language model it is text times vocabulary.
        using Tensor kept = prediction.clone();
        for (int k = 0; k < explanations.Length; k++)
        {
            RunFacts facts = new(targets[k].ToString(), device.Name, options.Precision, forwardSeconds, relevanceSeconds, peak);
            explanations[k] = new Explanation(results[(k * perTarget)..((k + 1) * perTarget)], kept.alias().DetachFromDisposeScope(), facts);
        }

        try
        {
            for (int k = 0; k < results.Length; k++)
                ValueRange.EnsureClosed(results[k].Ledger, options, scales[k], graph);
        }
        catch
        {
            foreach (Explanation explanation in explanations)
                explanation.Dispose();
            throw;
        }

        return explanations;
    }

    private void CheckWeights()
    {
        if (model is null)
            return;
        foreach ((string name, Tensor weight) in ModuleNames.Tensors(model, recurse: true))
        {
            if (weight.device_type == DeviceType.META)
                throw new InvalidModelException($"{name} has no values: it is on the device meta. Load the weights, or initialise them.");
            if (!Finite.IsFinite(weight) && !IsMask(name, weight))
                throw new InvalidModelException($"{name} contains NaN or infinity: no layer that uses it can be explained. Load intact weights.");
        }
    }

    // A buffer of -inf above the diagonal, as attentions have it, hides entries from a softmax. Running statistics are weights.
    private bool IsMask(string name, Tensor weight)
    {
        if (model!.named_parameters().Any(p => p.name == name) || name.EndsWith("running_mean", StringComparison.Ordinal) || name.EndsWith("running_var", StringComparison.Ordinal))
            return false;
        using Tensor hidden = weight.isneginf(), finite = weight.isfinite(), known = hidden.logical_or(finite), all = known.all(), any = finite.any();
        return all.item<bool>() && any.item<bool>();
    }
}
