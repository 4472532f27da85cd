using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using ILGPU;
using Device = Backtrace.Gpu.Kernels.Execution.Device;

namespace Backtrace.Gpu.Kit.Attention;

/// <summary>One stream's visit to an attention whose operands and results lie in a device's memory already: what is rented on the way is scratch.</summary>
internal sealed class AttentionVisit(Arena arena, IContraction contraction, Kernels.Rules.Attention attention, DeviceTensor[] inputs, DeviceTensor relevance, DeviceTensor[] results)
    : RuleContext
{
    private readonly List<Block> scratch = [];
    private readonly Dictionary<LedgerEntry, ArrayView<float>> accounts = [];

    public override Device Device => arena.Device;

    public override IContraction Contraction => contraction;

    public override Operation Operation => attention;

    public override int Samples => attention.Shape.Samples;

    public override int SeedCount => 1;

    public override int Seed => 0;

    public override int InputCount => inputs.Length;

    public override int OutputCount => 1;

    public override Saturation Saturation => Saturation.None;

    public override long[] InputShape(int index) => inputs[index].Shape;

    public override long[] OutputShape(int index = 0) => relevance.Shape;

    public override DeviceTensor Input(int index) => inputs[index];

    public override bool IsNonNegative(int index) => false;

    public override DeviceTensor Output() => throw new NotSupportedException();

    public override DeviceTensor? Parameter(string name) => null;

    public override DeviceTensor Relevance(int output = 0) => relevance;

    public override bool HasRelevance(int output) => true;

    public override DeviceTensor Give(int index) => results[index];

    public override void Pass(int index, int output = 0) => throw new NotSupportedException();

    public override ArrayView<float> Scratch(long length)
    {
        scratch.Add(arena.Rent(length));
        return scratch[^1].View.SubView(0, length);
    }

    public override ArrayView<float> Shared(long length, out bool isNew)
    {
        isNew = true;
        return Scratch(length);
    }

    public override ArrayView<float> Account(LedgerEntry entry)
    {
        if (!accounts.TryGetValue(entry, out ArrayView<float> account))
        {
            accounts[entry] = account = Scratch(Samples);
            Device.Run(new Fill { Target = account, Value = 0 }, Samples);
        }

        return account;
    }

    /// <summary>Relevance that found no one to go to.</summary>
    internal double Dropped() => Sum(Account(LedgerEntry.Dropped));

    /// <summary>Relevance that arrived.</summary>
    internal double Arrived() => Sum(relevance.Values);

    /// <summary>Relevance that was handed on.</summary>
    internal double HandedOn() => results.Sum(result => Sum(result.Values));

    /// <summary>Returns the scratch memory.</summary>
    internal void Finish()
    {
        foreach (Block block in scratch)
            block.Release();
        scratch.Clear();
        accounts.Clear();
    }

    private unsafe double Sum(ArrayView<float> view)
    {
        float[] values = new float[view.Length];
        fixed (float* target = values)
            Device.Download(view, target, values.Length);
        return values.Sum(v => (double)v);
    }
}
