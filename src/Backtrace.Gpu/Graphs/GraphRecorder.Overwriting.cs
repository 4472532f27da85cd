using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Execution;
using TorchSharp;

namespace Backtrace.Gpu.Graphs;

// Operators that write into memory that was there before: their first argument, or memory that they are given for their result.
internal sealed partial class GraphRecorder
{
    private readonly List<(TensorMemory Memory, ModuleScope? Filler)> filled = [];
    private bool pendingMemory;
    private TensorMemory? pendingFill;

    // Values that a rule reads are copied before an in-place operator destroys them.
    private void BeforeOverwrite(string name, nint arguments, int count)
    {
        using var quiet = OperatorTap.Quietly();
        nint place = pendingMemory ? arguments + (count - 1) * IValue.Size : arguments;
        if (Read(new IValue(place)) is not { IsTensor: true, Tensor: { } target })
            return;
        TensorMemory? written = target.Memory;
        bool fused = scope is null && !pendingMemory && name is "add_" && Lowerings.WillFuseBias(Read(arguments, count));
        if (scope?.HasMade(target) != true)
        {
            if ((!fused && (pendingMemory || !Lowerings.IsInPlaceIdentity(name))) || target.IsRead)
                Preserve(target);
            target.IsSafe = true;
        }

        if (written is null)
            return;
        if (!target.IsDynamic && target.Held.Type != torch.ScalarType.Bool)
            pendingFill = written;
        foreach (Value other in all)
        {
            if (!other.IsDynamic || scope?.HasMade(other) == true || other.Memory is not { } memory || !memory.Overlaps(written))
                continue;
            if (other.IsRead)
                Preserve(other);
            other.IsSafe = true;
            other.IsOverwritten = true;
        }
    }

    private static void Preserve(Value value)
    {
        using torch.Tensor source = torch.Tensor.UnsafeCreateTensor(value.Held.Hold().Handle);
        using torch.Tensor copy = source.clone();
        value.Replace(new RawTensor(copy.Handle).Hold());
    }

    // Constant memory into which an in-place operator wrote what depends on the input.
    private bool IsFilled(RawTensor tensor)
    {
        if (filled.Count == 0 || !tensor.IsDefined)
            return false;
        TensorMemory memory = new(tensor, tensor.Shape());
        return filled.Exists(f => f.Memory.Overlaps(memory));
    }

    private static void MarkViews(OperatorCall call, bool isInPlace)
    {
        if (call.Count == 0 || !call[0].IsTensor || isInPlace)
            return;
        Value source = call[0].Tensor;
        nint begin = source.Held.Data;
        nint end = begin + (nint)(DeviceTensor.Count(source.Sizes) * sizeof(float));
        foreach (Value output in call.Outputs)
        {
            nint data = output.Held.Data;
            if (data >= begin && data < end)
                output.ViewOf = source;
        }
    }
}
