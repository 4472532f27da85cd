using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using TorchSharp;
using static TorchSharp.torch;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Baselines;

/// <summary>DLBacktrace (arXiv 2411.12643) behind the interface of the methods that it is compared with. The rule set of the options decides what it computes.</summary>
public sealed class BacktraceExplainer : IExplainer
{
    private readonly ExplainedModel model;
    private readonly Backtracer backtracer;
    private readonly Reading reading;
    private readonly Baseline baseline;
    private readonly Func<int[], Target> target;

    /// <param name="model">The model.</param>
    /// <param name="options">Rules, mode, precision; defaults of <see cref="Backtracer"/>.</param>
    /// <param name="reading">Which relevance is read in contrastive mode.</param>
    /// <param name="name">Name for tables; by mode and reading when null.</param>
    /// <param name="device">Where relevance is computed; the CPU when null. Stays the caller's.</param>
    /// <param name="target">From the class of each sample to where relevance starts; one unit of it at the class's score when null.</param>
    public BacktraceExplainer(
        ExplainedModel model,
        BacktracerOptions? options = null,
        Reading reading = Reading.Supporting,
        string? name = null,
        Device? device = null,
        Func<int[], Target>? target = null)
        : this(model, options, reading, name, device, target, Baseline.Zero)
    {
    }

    private BacktraceExplainer(
        ExplainedModel model, BacktracerOptions? options, Reading reading, string? name, Device? device, Func<int[], Target>? target, Baseline baseline)
    {
        this.model = model;
        this.target = target ?? (classes => Target.Class(classes));
        this.baseline = baseline;
        options ??= new BacktracerOptions();
        this.reading = reading;
        Name = name ?? (options.Mode, reading) switch
        {
            (Mode.Default, _) => "Backtrace (default)",
            (_, Reading.Difference) => "Backtrace (contrastive difference)",
            _ => "Backtrace (contrastive)",
        };
        if (reading == Reading.Difference && options.Mode == Mode.Default)
            throw new ArgumentException("Default mode has no opposing relevance to subtract: set Mode.Contrastive.", nameof(reading));
        backtracer = new Backtracer(model.Module, inputs => [model.Scores(inputs[0])], device, options);
    }

    /// <summary>
    /// <see cref="RuleSet.Faithful"/>, from the targets' own scores. Its relevance is that of a difference from zero; from another baseline x', x of the relevance R
    /// gets R · (x − x') / x. Token models: word vectors are compared.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="device">As for the constructor.</param>
    /// <param name="baseline">What inputs are compared with.</param>
    public static BacktraceExplainer Faithful(ExplainedModel model, Device? device = null, Baseline baseline = Baseline.Zero) => new(
        model,
        new BacktracerOptions { Rules = RuleSet.Faithful, Layers = baseline == Baseline.Absent && model.TakesTokens ? [model.Embedding!] : [] },
        Reading.Supporting,
        baseline == Baseline.Absent ? "Backtrace (faithful, absent)" : "Backtrace (faithful)",
        device,
        classes => Target.Class(classes) with { Scaler = null },
        baseline);

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default)
    {
        if (baseline == Baseline.Absent)
            return FromAbsent(samples, cancellation);
        using Explanation explanation = backtracer.Explain(samples.Input, target(samples.Classes()), cancellation);
        Tensor supporting = explanation.Streams[0].Input;
        using Tensor read = reading == Reading.Difference ? supporting - explanation.Streams[1].Input : supporting.alias();
        return read.to(samples.Input.device, copy: true).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => backtracer.Dispose();

    private Tensor FromAbsent(Samples samples, CancellationToken cancellation)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor input = model.TakesTokens ? samples.Input : Changes.WithoutZeros(samples.Input);
        using Explanation explanation = backtracer.Explain(input, target(samples.Classes()), cancellation);
        Tensor relevance = (model.TakesTokens ? explanation[model.Embedding!] : explanation.Input).to(samples.Input.device);
        Tensor change = model.Points(samples.Input) - BaselinePoints.Of(model, samples, baseline);
        return model.Attributions(Changes.Worth(relevance, model.Points(input), change));
    }
}
