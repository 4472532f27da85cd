using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>
/// One operation on arrays of the caller, for libraries that have a network of their own: its rule runs on any device, and hands the relevance of the outputs
/// to the inputs. Values go to the device and back in each call; whoever wants to keep them there derives from <see cref="RuleContext"/>.
/// </summary>
/// <param name="operation">What the node computes, such as <c>new Linear(new LinearShape(rows, inputs, outputs))</c>.</param>
public sealed class HostNode(Operation operation)
{
    /// <summary>What the node computes.</summary>
    public Operation Operation { get; } = operation ?? throw new ArgumentNullException(nameof(operation));

    /// <summary>Values of the inputs, the batch first.</summary>
    public required IReadOnlyList<HostTensor> Inputs { get; init; }

    /// <summary>Values of the first output. Needed where the rule reads them: most layers in contrastive mode, and layers with a saturation test.</summary>
    public HostTensor? Output { get; init; }

    /// <summary>Parameters by the names that the operation gives them, such as <c>weight</c> and <c>bias</c>.</summary>
    public IReadOnlyDictionary<string, HostTensor> Parameters { get; init; } = new Dictionary<string, HostTensor>();

    /// <summary>The test of the activation that follows, for linear and convolution layers.</summary>
    public Saturation Saturation { get; init; }

    /// <summary>Number of samples that the ledger keeps apart, as many as the batch has; 1 for totals.</summary>
    public int Samples { get; init; } = 1;

    /// <summary>Runs the rule in default mode.</summary>
    /// <param name="device">Where it runs; stays the caller's.</param>
    /// <param name="relevance">Relevance of each output; the shape is the output's.</param>
    /// <param name="rules">The rules; <see cref="RuleSet.Backtrace"/> when null.</param>
    /// <exception cref="ArgumentException">The set has no rule for the operation, or a tensor has other sizes than the operation says: the message has both.</exception>
    /// <exception cref="InvalidOperationException">The rule reads values that were not given.</exception>
    /// <exception cref="DeviceException">The device failed, or is out of memory.</exception>
    public HostResult Run(Device device, IReadOnlyList<HostTensor> relevance, RuleSet? rules = null)
    {
        (Rule rule, IReadOnlyDictionary<string, HostTensor> parameters) = Prepare(device, relevance, rules);
        using Lock.Scope turn = device.TakeTurn();
        using HostVisit visit = new(this, parameters, device, relevance);
        rule.Apply(visit);
        return visit.Result();
    }

    /// <summary>Runs the rule in contrastive mode.</summary>
    /// <param name="device">Where it runs; stays the caller's.</param>
    /// <param name="supporting">Supporting relevance of each output; the shape is the output's.</param>
    /// <param name="opposing">Opposing relevance of each output.</param>
    /// <param name="rules">The rules; <see cref="RuleSet.Backtrace"/> when null.</param>
    /// <inheritdoc cref="Run" path="/exception"/>
    public (HostResult Supporting, HostResult Opposing) RunContrastive(Device device, IReadOnlyList<HostTensor> supporting, IReadOnlyList<HostTensor> opposing, RuleSet? rules = null)
    {
        (Rule rule, IReadOnlyDictionary<string, HostTensor> parameters) = Prepare(device, supporting, rules);
        ArgumentNullException.ThrowIfNull(opposing);
        if (!opposing.Select(r => r.Shape).SequenceEqual(supporting.Select(r => r.Shape), ShapeComparer.Instance))
            throw new ArgumentException("Both streams need relevance of the same shapes.", nameof(opposing));
        using Lock.Scope turn = device.TakeTurn();
        using HostVisit first = new(this, parameters, device, supporting), second = new(this, parameters, device, opposing);
        rule.ApplyContrastive(first, second);
        return (first.Result(), second.Result());
    }

    private (Rule Rule, IReadOnlyDictionary<string, HostTensor> Parameters) Prepare(Device device, IReadOnlyList<HostTensor> relevance, RuleSet? rules)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(relevance);
        ObjectDisposedException.ThrowIf(device.IsDisposed, device);
        if (relevance.Count == 0)
            throw new ArgumentException("Give the relevance of each output.", nameof(relevance));
        if (Samples < 1 || Inputs.Concat(relevance).Any(tensor => tensor.Values.Length % Samples != 0))
            throw new ArgumentException($"{Samples} is not the number of samples of every input and output.", nameof(relevance));
        Rule rule = (rules ?? RuleSet.Backtrace).Find(Operation) ?? throw new ArgumentException($"{Operation.Name} has no rule in this rule set.", nameof(rules));
        NodeShapes shapes = new(Operation.Name, [.. Inputs.Select(t => t.Shape)], [.. relevance.Select(t => t.Shape)], Parameters.ToDictionary(p => p.Key, p => p.Value.Shape));
        Operation.Check(shapes);
        if (Output is { } output)
            shapes.Output(0, output.Shape);
        return (rule, rule.Complete(Operation, Parameters));
    }

    private sealed class ShapeComparer : IEqualityComparer<long[]>
    {
        public static readonly ShapeComparer Instance = new();

        public bool Equals(long[]? x, long[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(long[] obj) => obj.Length;
    }
}
