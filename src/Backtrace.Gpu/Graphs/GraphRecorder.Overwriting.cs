using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Execution;
using TorchSharp;

namespace Backtrace.Gpu.Graphs;

// Operators that write into memory that was there before: their first argument, or memory that they are given for their result.
internal sealed partial class GraphRecorder
{
    // Nothing of what was there is left.
    private static readonly HashSet<string> Replacing = ["copy_", "fill_", "zero_"];

    private readonly List<(TensorMemory Memory, ModuleScope Filler)> filled = [];
    private readonly Dictionary<nint, RawTensor> copies = []; // of arguments that lack what was written into them, as they are before the operator
    private bool pendingMemory;
    private TensorMemory? pendingFill;

    // Values that a rule reads are copied before an in-place operator destroys them. Makes no nodes and little garbage: the operator has yet to run.
    private void BeforeOverwrite(string name, nint arguments, int count)
    {
        using var quiet = OperatorTap.Quietly();
        IValue place = new(arguments + WrittenPlace(count) * IValue.Size);
        if (!place.IsTensor || place.Tensor.Identity == 0 || !place.Tensor.IsDefined)
            return;
        Value target = Find(place.Tensor);
        TensorMemory written = target.Memory;
        EnsureKept(written, name);
        bool replaces = pendingMemory || Replacing.Contains(name), isStale = IsStale(target, place.Tensor);
        bool fused = scope is null && !isStale && name is "add_" && Lowerings.WillFuseBias(Read(arguments, count, stale: 0));
        if (scope != null || (!replaces && !fused && (isStale || !Lowerings.IsInPlaceIdentity(name))))
            KeepArguments(arguments, count, written);
        foreach (Value value in all)
        {
            if (value != target && !value.IsDynamic && (!value.IsRead || scope != null))
                continue; // constants that no rule reads; modules of one node fill them step by step
            if (value.IsSafe || value.Storage != written.Storage || scope?.HasMade(value) == true || !value.Memory.Overlaps(written))
                continue;
            if (value.IsRead)
                Preserve(value);
            else
                value.IsOverwritten = true;
            value.IsSafe = true;
            value.IsLost |= scope != null && value != target;
        }

        if (scope != null && !target.IsDynamic && place.Tensor.Type != torch.ScalarType.Bool)
            pendingFill = written;
    }

    private int WrittenPlace(int count) => pendingMemory ? count - 1 : 0;

    // The operator's own arguments among what it overwrites: its rule may read them.
    private void KeepArguments(nint arguments, int count, TensorMemory written)
    {
        for (int k = 0; k < count; k++)
        {
            IValue value = new(arguments + k * IValue.Size);
            if (!value.IsTensor || !value.Tensor.IsDefined || value.Tensor.Storage != written.Storage)
                continue;
            Value known = Find(value.Tensor);
            if (scope?.HasMade(known) == true || !known.Memory.Overlaps(written))
                continue;
            if (IsStale(known, value.Tensor))
                copies[value.Tensor.Identity] = Copy(value.Tensor);
            else if (!known.IsSafe)
                Preserve(known);
        }
    }

    // Those of an operator that failed.
    private void DropCopies()
    {
        if (copies.Count == 0)
            return;
        foreach (RawTensor copy in copies.Values)
            copy.Free();
        copies.Clear();
    }

    private static void Preserve(Value value)
    {
        value.Replace(Copy(value.Held));
        value.IsSafe = true;
    }

    private static RawTensor Copy(RawTensor tensor)
    {
        using torch.Tensor source = torch.Tensor.UnsafeCreateTensor(tensor.Hold().Handle);
        using torch.Tensor copy = source.clone();
        return new RawTensor(copy.Handle).Hold();
    }

    // Constant memory into which an in-place operator inside of a module with a rule of its own wrote what depends on the input.
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
        nint end = begin + (nint)(DeviceTensor.Count(source.Sizes) * source.Held.ItemSize);
        foreach (Value output in call.Outputs)
        {
            nint data = output.Held.Data;
            if (data >= begin && data < end)
                output.ViewOf = source;
        }
    }
}
