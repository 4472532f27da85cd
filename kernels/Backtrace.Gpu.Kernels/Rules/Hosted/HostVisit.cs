using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>One visit of a rule to a <see cref="HostNode"/>, with memory of its own.</summary>
internal sealed unsafe class HostVisit : RuleContext, IDisposable
{
    private readonly HostNode node;
    private readonly IReadOnlyDictionary<string, HostTensor> parameters;
    private readonly IReadOnlyList<HostTensor> relevance;
    private readonly Arena arena;
    private readonly Dictionary<HostTensor, ArrayView<float>> uploaded = new(ReferenceEqualityComparer.Instance);
    private readonly DeviceTensor?[] given;
    private readonly Dictionary<LedgerEntry, ArrayView<float>> accounts = [];

    public HostVisit(HostNode node, IReadOnlyDictionary<string, HostTensor> parameters, Device device, IReadOnlyList<HostTensor> relevance)
    {
        this.node = node;
        this.parameters = parameters;
        this.relevance = relevance;
        given = new DeviceTensor?[node.Inputs.Count];
        arena = new Arena(device);
        Contraction = device.Kind == DeviceKind.Cpu ? new CpuContraction(device.Workers)
            : device.Kind == DeviceKind.Cuda && CuBlasContraction.TryCreate(device, arena, ContractionPrecision.Single, out _) is { } products ? products
            : new TiledContraction(device, arena);
    }

    public override Device Device => arena.Device;

    public override IContraction Contraction { get; }

    public override Operation Operation => node.Operation;

    public override int Samples => node.Samples;

    public override int SeedCount => 1;

    public override int Seed => 0;

    public override int InputCount => node.Inputs.Count;

    public override int OutputCount => relevance.Count;

    public override Saturation Saturation => node.Saturation;

    public override long[] InputShape(int index) => node.Inputs[index].Shape;

    public override long[] OutputShape(int index = 0) => relevance[index].Shape;

    public override DeviceTensor Input(int index) => Upload(node.Inputs[index]);

    public override bool IsNonNegative(int index) => false;

    public override DeviceTensor Output() => Upload(node.Output ?? throw new InvalidOperationException($"The rule of {Operation.Name} reads the values of the output here: set HostNode.Output."));

    public override DeviceTensor? Parameter(string name) => parameters.TryGetValue(name, out HostTensor? values) ? Upload(values) : null;

    public override DeviceTensor Relevance(int output = 0) => Upload(relevance[output]);

    public override bool HasRelevance(int output) => true;

    public override DeviceTensor Give(int index)
    {
        DeviceTensor fresh = new(Scratch(node.Inputs[index].Values.Length), InputShape(index));
        given[index] = fresh;
        return fresh;
    }

    public override void Pass(int index, int output = 0) => given[index] = Relevance(output) with { Shape = InputShape(index) };

    public override ArrayView<float> Scratch(long length) => arena.Rent(length).View.SubView(0, length);

    public override ArrayView<float> Shared(long length, out bool isNew)
    {
        isNew = true;
        return Scratch(length);
    }

    public override ArrayView<float> Account(LedgerEntry entry)
    {
        if (!accounts.TryGetValue(entry, out ArrayView<float> sums))
        {
            sums = Scratch(Samples);
            Device.Run(new Fill { Target = sums, Value = 0 }, Samples);
            accounts.Add(entry, sums);
        }

        return sums;
    }

    /// <summary>What the rule has left.</summary>
    public HostResult Result() => new(
        [.. given.Select(r => r is { } tensor ? new HostTensor(Download(tensor.Values), tensor.Shape) : null)],
        accounts.ToDictionary(account => account.Key, account => Download(account.Value)));

    public void Dispose()
    {
        (Contraction as IDisposable)?.Dispose();
        arena.Dispose();
    }

    private DeviceTensor Upload(HostTensor tensor)
    {
        if (!uploaded.TryGetValue(tensor, out ArrayView<float> values))
        {
            values = Scratch(tensor.Values.Length);
            fixed (float* source = tensor.Values)
                Device.Upload(source, values, tensor.Values.Length);
            uploaded.Add(tensor, values);
        }

        return new DeviceTensor(values, tensor.Shape);
    }

    private float[] Download(ArrayView<float> values)
    {
        float[] result = new float[values.Length];
        fixed (float* target = result)
            Device.Download(values, target, result.Length);
        return result;
    }
}
