using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using TorchSharp;
using static TorchSharp.torch;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Baselines;

/// <summary>DLBacktrace (arXiv 2411.12643) behind the interface of the methods that it is compared with. The rule set of the options decides what it computes.</summary>
public sealed class BacktraceExplainer : IExplainer
{
    private readonly Backtracer backtracer;
    private readonly Reading reading;
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
    {
        this.target = target ?? (classes => Target.Class(classes));
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

    /// <summary><see cref="RuleSet.Faithful"/>, from the targets' own scores.</summary>
    /// <param name="model">The model.</param>
    /// <param name="device">As for the constructor.</param>
    public static BacktraceExplainer Faithful(ExplainedModel model, Device? device = null) =>
        new(model, new BacktracerOptions { Rules = RuleSet.Faithful }, name: "Backtrace (faithful)", device: device, target: classes => Target.Class(classes) with { Scaler = null });

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public Tensor Explain(Samples samples, CancellationToken cancellation = default)
    {
        using Explanation explanation = backtracer.Explain(samples.Input, target(samples.Classes()), cancellation);
        Tensor supporting = explanation.Streams[0].Input;
        using Tensor read = reading == Reading.Difference ? supporting - explanation.Streams[1].Input : supporting.alias();
        return read.to(samples.Input.device, copy: true).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => backtracer.Dispose();
}
