using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Targets;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>A loaded model on a device, which explains batches. One per command.</summary>
internal sealed class Explainer : IDisposable
{
    private readonly Kernels.Execution.Device? device;
    private readonly Dictionary<string, LayerActivity> activities = [];
    private BacktracerOptions options;
    private Backtracer backtracer;
    // Positions at the end of a text whose logits a language model is asked for.
    private int answered = 1;
    // Nodes that relevance passes, as far as is known.
    private int nodesOfPass;

    /// <summary>Takes over the package.</summary>
    internal Explainer(ModelPackage package, DeviceChoice? device = null, BacktracerOptions? options = null)
    {
        Package = package;
        this.options = (options ?? new BacktracerOptions()) with { LedgerPerSample = true, KeepWeights = true };
        this.device = device?.Open();
        try
        {
            backtracer = Create();
        }
        catch
        {
            this.device?.Dispose();
            throw;
        }
    }

    internal ModelPackage Package { get; }

    /// <summary>What the activations of the layers that are kept were like, over all inputs so far, each unit counted once.</summary>
    internal IReadOnlyDictionary<string, LayerActivity> Activities => activities;

    /// <summary>Called during a pass with the share of it that is done, 0 to 1. Not on a GPU, which would have to wait for it.</summary>
    internal Action<double>? Progress { get; set; }

    /// <summary>Keeps the relevance of every layer from now on.</summary>
    /// <param name="samples">Inputs; the first one tells which layers there are.</param>
    internal void KeepAllLayers(Samples samples)
    {
        using (Tensor batch = samples.Batch(0, samples.Together(0, 1)))
        using (RelevanceGraph graph = backtracer.RecordFrugally([batch]))
            options = options with { Layers = [.. graph.Nodes.Select(node => node.Name)] };
        backtracer.Dispose();
        backtracer = Create();
    }

    /// <summary>
    /// Explains some samples in one pass, which all targets share: an explanation of all samples for each target; of a language
    /// model one for each token and target. The explanations are the caller's.
    /// </summary>
    internal IReadOnlyList<(Explanation Explanation, Explained[] Found)> Explain(Samples samples, int first, int count, IReadOnlyList<TargetChoice> targets, CancellationToken cancellation)
    {
        using Tensor batch = samples.Batch(first, count);
        PromptSamples? prompts = samples as PromptSamples;
        answered = prompts?.Answered(first, count) ?? 1;
        if (options.Layers.Count > 0 && !samples.IsReadAgain(first, count))
            Watch(batch);
        Part[] parts = prompts is not null
            ? [.. Enumerable.Range(first, count).SelectMany(n => targets.Select(target => Token(n, prompts.Steps[n], prompts.Steps[first].Position, target)))]
            : [.. targets.Select(target => Whole(first, batch, target))];
        IReadOnlyList<Explanation> explanations = backtracer.Explain([batch], [.. parts.Select(part => Started(part.Start))], cancellation);
        try
        {
            return [.. explanations.Zip(parts, (explanation, part) => (explanation, Found(part.Read(explanation), part.First, part.Asked)))];
        }
        catch
        {
            foreach (Explanation explanation in explanations)
                explanation.Dispose();
            throw;
        }

        Explained[] Found(Explained[] found, int place, TargetChoice asked) => [.. found.Select((e, k) => e with { Input = samples.Input(place + k), Asked = asked, Place = k })];
    }

    public void Dispose()
    {
        backtracer.Dispose();
        device?.Dispose();
        Package.Dispose();
    }

    /// <summary>The function that is explained: of a language model, the logits of as many last positions as are asked for, as those of a whole text are large.</summary>
    internal static Backtracer Create(ModelPackage package, Func<int> answered, Kernels.Execution.Device? device = null, BacktracerOptions? options = null) => package.Module is LanguageModel model
        ? new Backtracer(model, inputs => [model.LastLogits(inputs[0], answered())], device, options)
        : new Backtracer(package.Module, device, options);

    private Backtracer Create()
    {
        Backtracer created = Create(Package, () => answered, device, options);
        if (device is null or { Kind: Kernels.Execution.DeviceKind.Cpu })
            created.Visited = (node, _) => Progress?.Invoke(Done(node.Index));
        return created;
    }

    // Relevance goes from the last node to the first one; the forward pass before it counts as a third.
    private double Done(int node)
    {
        if (node >= nodesOfPass)
            nodesOfPass = node + 1;
        return 1 - (2.0 / 3 * node / nodesOfPass);
    }

    // Shares of a signed score: of a negative one they would change sign if relevance started as 1.
    private Target Started(Target target) => options.Rules.IsSigned ? target with { Scaler = null } : target;

    private void Watch(Tensor batch)
    {
        using RelevanceGraph graph = backtracer.RecordFrugally([batch]);
        foreach (Node node in graph.Nodes.Where(node => options.Layers.Contains(node.Name)))
        {
            graph.EnsureFilled(node);
            if (LayerActivity.Of(node, graph) is { } activity)
                activities[node.Name] = activities.TryGetValue(node.Name, out LayerActivity? before) ? before.And(activity) : activity;
        }
    }

    private bool IsSegmentation => Package.Description.Architecture is UNetArchitecture;

    // One probability has an alternative only in what it lacks to 1.
    private bool IsOneDecision => options.Mode == Mode.Contrastive && Package.Description.Architecture.OutputSize == 1;

    private int Foreground(Tensor picture)
    {
        using IDisposable inference = no_grad();
        using Tensor logits = Package.Module.call(picture);
        return Segments.Foreground(logits);
    }

    private Part Whole(int first, Tensor batch, TargetChoice target)
    {
        Architecture architecture = Package.Description.Architecture;
        if (!IsSegmentation)
            return new Part(first, target, IsOneDecision ? Target.SingleOutput() : target.ToTarget(), explanation => Answers.OfClassifier(explanation, target, architecture));
        int channel = target.Class ?? Foreground(batch);
        return new Part(first, target, Target.SegmentationClass(channel), explanation => Answers.OfSegmentation(explanation, channel));
    }

    // Later tokens cannot influence earlier ones, so that one pass over the whole text serves all of its tokens.
    private Part Token(int n, PromptStep step, int begin, TargetChoice asked)
    {
        TargetChoice target = step.Token is { } token ? new TargetChoice(token) : asked;
        int place = step.Position - begin;
        return new Part(n, asked, target.ToToken(place), explanation => [Answers.OfToken(explanation, place, target, Package.Description.Architecture)]);
    }

    // One explanation of a pass: its first sample, what was asked for, where relevance starts, and how the samples' answers are read off.
    private sealed record Part(int First, TargetChoice Asked, Target Start, Func<Explanation, Explained[]> Read);
}
