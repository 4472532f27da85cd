using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>The visit of a dense layer, seen as one of some of its rows: inputs, outputs and relevance are parts of the whole's.</summary>
/// <param name="whole">The visit of all rows.</param>
/// <param name="rows">Their number: samples, or parts of samples.</param>
internal sealed class SliceContext(RuleContext whole, int rows) : RuleContext
{
    private readonly List<ArrayView<float>> scratch = [];
    private readonly Dictionary<int, DeviceTensor> given = [];
    private int taken;
    private int begin;
    private int count;

    public override Device Device => whole.Device;

    public override IContraction Contraction => whole.Contraction;

    public override Operation Operation => whole.Operation;

    public override int Samples => whole.Samples == 1 ? 1 : count / RowsPerSample;

    // A slice is over when the next seed comes: nothing is shared.
    public override int SeedCount => 1;

    public override int Seed => 0;

    public override int InputCount => whole.InputCount;

    public override int OutputCount => whole.OutputCount;

    public override Saturation Saturation => whole.Saturation;

    public override bool IsOutputRounded => whole.IsOutputRounded;

    private int RowsPerSample => rows / whole.Samples;

    /// <summary>Goes on to other rows; scratch memory is used anew.</summary>
    public void Move(int first, int end)
    {
        (begin, count) = (first, end - first);
        taken = 0;
    }

    public override long[] InputShape(int index) => Part(whole.InputShape(index));

    public override long[] OutputShape(int index = 0) => Part(whole.OutputShape(index));

    public override DeviceTensor Input(int index) => Part(whole.Input(index));

    public override bool IsNonNegative(int index) => whole.IsNonNegative(index);

    public override DeviceTensor Output() => Part(whole.Output());

    public override DeviceTensor? Parameter(string name) => whole.Parameter(name);

    public override Operand Magnitudes(string name, in LinearShape shape) => whole.Magnitudes(name, shape);

    public override DeviceTensor Relevance(int output = 0) => Part(whole.Relevance(output));

    public override bool HasRelevance(int output) => whole.HasRelevance(output);

    public override DeviceTensor Give(int index)
    {
        if (!given.TryGetValue(index, out DeviceTensor result))
            given[index] = result = whole.Give(index);
        return Part(result);
    }

    public override void Pass(int index, int output = 0) => throw new NotSupportedException("A part of a tensor cannot be passed on.");

    // A rule asks for the same memory in each slice, or, where a slice is a row longer, for a little more.
    public override ArrayView<float> Scratch(long length)
    {
        if (taken == scratch.Count)
            scratch.Add(whole.Scratch(length));
        else if (scratch[taken].Length < length)
            scratch[taken] = whole.Scratch(length);
        return scratch[taken++].SubView(0, length);
    }

    public override ArrayView<float> Shared(long length, out bool isNew)
    {
        isNew = true;
        return Scratch(length);
    }

    public override ArrayView<float> Account(LedgerEntry entry)
    {
        ArrayView<float> account = whole.Account(entry);
        return whole.Samples == 1 ? account : account.SubView(begin / RowsPerSample, Samples);
    }

    private DeviceTensor Part(DeviceTensor tensor)
    {
        long width = tensor.Length / rows;
        return new(tensor.Values.SubView(begin * width, count * width), [count, width]);
    }

    private long[] Part(long[] shape) => [count, DeviceTensor.Count(shape) / rows];
}
