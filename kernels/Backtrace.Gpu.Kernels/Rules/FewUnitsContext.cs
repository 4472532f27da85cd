using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>The visit of a whole layer, seen as one of the small layer in it.</summary>
internal sealed class FewUnitsContext(RuleContext whole, Operation operation, DeviceTensor input, DeviceTensor weight, DeviceTensor? bias) : RuleContext
{
    private DeviceTensor? value;

    /// <summary>The visit of the whole layer.</summary>
    public RuleContext Whole => whole;

    /// <summary>Relevance of the small layer's units.</summary>
    public required DeviceTensor Arrived { get; init; }

    /// <summary>Gathers the small layer's output.</summary>
    public required Func<DeviceTensor> Value { get; init; }

    /// <summary>Relevance of the small layer's input.</summary>
    public required DeviceTensor Result { get; init; }

    public override Device Device => whole.Device;

    public override IContraction Contraction => whole.Contraction;

    public override Operation Operation => operation;

    public override int Samples => whole.Samples;

    // Each seed has units of its own, so that nothing is shared.
    public override int SeedCount => 1;

    public override int Seed => 0;

    public override int InputCount => 1;

    public override int OutputCount => 1;

    public override Saturation Saturation => whole.Saturation;

    public override long[] InputShape(int index) => input.Shape;

    public override long[] OutputShape(int index = 0) => Arrived.Shape;

    public override DeviceTensor Input(int index) => input;

    public override bool IsNonNegative(int index) => whole.IsNonNegative(index);

    public override DeviceTensor Output() => value ??= Value();

    public override bool IsOutputRounded => whole.IsOutputRounded;

    public override DeviceTensor? Parameter(string name) => name == "weight" ? weight : bias;

    public override DeviceTensor Relevance(int output = 0) => Arrived;

    public override bool HasRelevance(int output) => true;

    public override DeviceTensor Give(int index) => Result;

    public override void Pass(int index, int output = 0) => throw new NotSupportedException("A dense layer passes nothing unchanged.");

    public override ArrayView<float> Scratch(long length) => whole.Scratch(length);

    public override ArrayView<float> Shared(long length, out bool isNew)
    {
        isNew = true;
        return whole.Scratch(length);
    }

    public override ArrayView<float> Account(LedgerEntry entry) => whole.Account(entry);
}
