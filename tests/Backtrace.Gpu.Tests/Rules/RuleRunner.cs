using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using ILGPU;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>Runs the rule of one node on any device, with memory of its own: contractions by their definition on the CPU, those of the device on GPUs.</summary>
internal sealed unsafe class RuleRunner : RuleContext, IDisposable
{
    private readonly Node node;
    private readonly Rule rule;
    private readonly Arena arena;
    private readonly Dictionary<(string Kind, int Index), DeviceTensor> uploaded = [];
    private readonly Dictionary<int, DeviceTensor> given = [];
    private readonly Dictionary<LedgerEntry, ArrayView<float>> accounts = [];

    private RuleRunner(Device device, Node node, RuleSet? rules, ContractionPrecision precision)
    {
        this.node = node;
        rule = (rules ?? RuleSet.Backtrace).Find(node.Operation)!;
        node.Operation.Check(new NodeShapes(
            node.Operation.Name, [.. node.Inputs.Select(v => v.Shape)], [.. node.Relevance.Select((_, k) => OutputShape(k))], node.Parameters.ToDictionary(p => p.Key, p => p.Value.Shape)));
        arena = new Arena(device);
        Contraction = device.Kind == DeviceKind.Cpu ? new HostContraction(device)
            : CuBlasContraction.TryCreate(device, arena, precision, out _) is { } contraction ? contraction : new TiledContraction(device, arena);
    }

    public override Device Device => arena.Device;

    public override IContraction Contraction { get; }

    public override Operation Operation => node.Operation;

    public override int Samples => node.Samples;

    public override int SeedCount => 1;

    public override int Seed => 0;

    public override int InputCount => node.Inputs.Length;

    public override int OutputCount => node.Relevance.Length;

    public override Saturation Saturation => node.Saturation;

    /// <summary>Applies a rule in contrastive mode: the outcome of the supporting stream, then that of the opposing one.</summary>
    internal static Outcome[] RunContrastive(Device device, Node node, RuleSet? rules = null, ContractionPrecision precision = ContractionPrecision.Single)
    {
        using RuleRunner supporting = new(device, node, rules, precision), opposing = new(device, node with { Relevance = node.Opposing }, rules, precision);
        supporting.rule.ApplyContrastive(supporting, opposing);
        device.Synchronize();
        return [supporting.Result(), opposing.Result()];
    }

    /// <summary>Applies the rule of a set, of the canonical one if none is given.</summary>
    internal static Outcome Run(Device device, Node node, RuleSet? rules = null, ContractionPrecision precision = ContractionPrecision.Single)
    {
        using RuleRunner context = new(device, node, rules, precision);
        context.rule.Apply(context);
        device.Synchronize();
        return context.Result();
    }

    private Outcome Result()
    {
        Values?[] relevance = [.. Enumerable.Range(0, node.Inputs.Length).Select(k => given.TryGetValue(k, out DeviceTensor t) ? Download(t) : null)];
        return new Outcome(relevance, accounts.ToDictionary(a => a.Key, a => Download(new DeviceTensor(a.Value, [node.Samples])).Data));
    }

    public void Dispose()
    {
        (Contraction as IDisposable)?.Dispose();
        arena.Dispose();
    }

    public override long[] InputShape(int index) => node.Inputs[index].Shape;

    public override long[] OutputShape(int index = 0) => node.OutputShapes?[index] ?? node.Relevance[index]!.Shape;

    public override DeviceTensor Input(int index) =>
        rule.ReadsInput(Operation, index) ? Upload(("input", index), node.Inputs[index]) : throw new InvalidOperationException($"{Operation.Name} did not ask for input {index}.");

    public override bool IsNonNegative(int index) => node.NonNegative;

    public override DeviceTensor Output() => Upload(("output", 0), node.Output!);

    public override DeviceTensor? Parameter(string name) => node.Parameters.TryGetValue(name, out Values? values) ? Upload((name, 0), values) : null;

    public override DeviceTensor Relevance(int output = 0) => Upload(("relevance", output), node.Relevance[output]!);

    public override bool HasRelevance(int output) => node.Relevance[output] is not null;

    public override DeviceTensor Give(int index)
    {
        DeviceTensor tensor = new(Scratch(node.Inputs[index].Data.Length), node.Inputs[index].Shape);
        given.Add(index, tensor);
        return tensor;
    }

    public override void Pass(int index, int output = 0) => given.Add(index, Relevance(output) with { Shape = node.Inputs[index].Shape });

    // Filled with NaN: a rule that does not write all of its result is found.
    public override ArrayView<float> Scratch(long length)
    {
        ArrayView<float> view = arena.Rent(length).View.SubView(0, length);
        Device.Run(new Fill { Target = view, Value = float.NaN }, length);
        return view;
    }

    public override ArrayView<float> Shared(long length, out bool isNew)
    {
        isNew = true;
        return Scratch(length);
    }

    public override ArrayView<float> Account(LedgerEntry entry)
    {
        if (!accounts.TryGetValue(entry, out ArrayView<float> view))
        {
            view = Scratch(Samples);
            Device.Run(new Fill { Target = view, Value = 0 }, Samples);
            accounts.Add(entry, view);
        }

        return view;
    }

    private DeviceTensor Upload((string, int) key, Values values)
    {
        if (uploaded.TryGetValue(key, out DeviceTensor tensor))
            return tensor;
        tensor = new DeviceTensor(Scratch(values.Data.Length), values.Shape);
        fixed (float* source = values.Data)
            Device.Upload(source, tensor.Values, values.Data.Length);
        uploaded.Add(key, tensor);
        return tensor;
    }

    private Values Download(DeviceTensor tensor)
    {
        float[] data = new float[tensor.Length];
        fixed (float* target = data)
            Device.Download(tensor.Values, target, data.Length);
        return new Values(data, tensor.Shape);
    }
}
