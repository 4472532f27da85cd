using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Interop;

/// <summary>
/// libtorch's profiling hook. Its interface is exported, but two fields of the record are private: their offsets are found on an
/// operator whose arguments and result are known, and the reading of arguments is checked, before anything is trusted.
/// </summary>
internal static unsafe class RecordFunction
{
    private static readonly Lazy<(int Inputs, int Outputs)> Offsets = new(Discover);

    private static readonly NativeExport
        Add = new("torch_cpu", "_ZN2at22addThreadLocalCallbackENS_22RecordFunctionCallbackE", "?addThreadLocalCallback@at@@YA_KVRecordFunctionCallback@1@@Z"),
        Remove = new("torch_cpu", "_ZN2at14removeCallbackEm", "?removeCallback@at@@YAX_K@Z"),
        NameOf = new("torch_cpu", "_ZNK2at14RecordFunction4nameEv", "?name@RecordFunction@at@@QEBAPEBDXZ"),
        OverloadNameOf = new("torch_cpu", "_ZNK2at14RecordFunction13overload_nameEv", "?overload_name@RecordFunction@at@@QEBAPEBDXZ"),
        InputCountOf = new("torch_cpu", "_ZNK2at14RecordFunction10num_inputsEv", "?num_inputs@RecordFunction@at@@QEBA_KXZ"),
        OutputCountOf = new("torch_cpu", "_ZNK2at14RecordFunction11num_outputsEv", "?num_outputs@RecordFunction@at@@QEBA_KXZ");

    [ThreadStatic]
    private static Probe? probe;

    /// <summary>What libtorch calls around each operator.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Callback
    {
        public nint Start;
        public nint End;
        public double SamplingProbability;
        public fixed byte Scopes[10];
        public byte NeedsInputs;
        public byte NeedsOutputs;
        public byte NeedsIds;
    }

    public static Callback CreateCallback(delegate* unmanaged<nint*, nint, nint*> start, delegate* unmanaged<nint, nint, void> end)
    {
        Callback callback = new() { Start = (nint)start, End = (nint)end, SamplingProbability = 1, NeedsInputs = 1, NeedsOutputs = 1 };
        callback.Scopes[0] = 1; // RecordScope::FUNCTION
        return callback;
    }

    /// <summary>Makes sure that records of this libtorch can be read.</summary>
    /// <exception cref="NotSupportedException">They cannot.</exception>
    public static void EnsureUnderstood() => _ = Offsets.Value;

    /// <summary>First argument of a record, and their number. TorchScript shows its whole stack, on which they come last.</summary>
    public static nint Inputs(nint function, out int count)
    {
        int offset = Offsets.Value.Inputs;
        count = (int)InputCount(function);
        return *(nint*)(function + offset) + (*(nint*)(function + offset + 8) - count) * IValue.Size;
    }

    /// <summary>First result of a record, and their number. They come last as well; of an operator that failed there are none.</summary>
    public static nint Outputs(nint function, out int count)
    {
        int offset = Offsets.Value.Outputs;
        nint begin = *(nint*)(function + offset), end = *(nint*)(function + offset + 8);
        count = (int)((delegate* unmanaged<nint, nint>)OutputCountOf.Address)(function);
        if (end - begin < count * IValue.Size)
            count = 0;
        return end - count * IValue.Size;
    }

    public static ulong AddThreadLocalCallback(Callback callback) => ((delegate* unmanaged<Callback, ulong>)Add.Address)(callback);

    public static void RemoveCallback(ulong handle) => ((delegate* unmanaged<ulong, void>)Remove.Address)(handle);

    public static nint Name(nint function) => ((delegate* unmanaged<nint, nint>)NameOf.Address)(function);

    public static nint OverloadName(nint function) => ((delegate* unmanaged<nint, nint>)OverloadNameOf.Address)(function);

    private static nint InputCount(nint function) => ((delegate* unmanaged<nint, nint>)InputCountOf.Address)(function);

    private static (int Inputs, int Outputs) Discover()
    {
        try
        {
            return Measure();
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException)
        {
            throw new NotSupportedException(
                $"Forward passes are recorded by libtorch 2.10 for Linux or Windows, with TorchSharp 0.107; it is not what runs here ({RuntimeInformation.RuntimeIdentifier}): {e.Message}", e);
        }
    }

    private static (int Inputs, int Outputs) Measure()
    {
        NativeLibraries.Register();
        torch.InitializeDeviceType(DeviceType.CPU);
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        Tensor a = zeros(2, 3, float32, CPU);
        Tensor b = ones(2, 3, float32, CPU);
        try
        {
            probe = new Probe { A = *(nint*)a.Handle, B = *(nint*)b.Handle };
            ulong handle = AddThreadLocalCallback(CreateCallback(&ProbeStart, &ProbeEnd));
            try
            {
                using Scalar three = 3; // held: TorchSharp frees a number that nobody holds, even while libtorch reads it
                a.add_(b, three);       // a in, b in, a out
                a.permute(1, 0);        // a list of integers
            }
            finally
            {
                RemoveCallback(handle);
            }

            if (probe is not { Inputs: > 0, Outputs: > 0, ListRead: true })
            {
                throw new NotSupportedException(
                    "The operator records of this libtorch have an unknown layout. Use TorchSharp 0.107 with libtorch 2.10, or report the versions that you use.");
            }

            return (probe.Inputs, probe.Outputs);
        }
        finally
        {
            probe = null;
        }
    }

    // The record is scanned for (pointer, 3) where the pointer leads to the boxed arguments a, b, 3.
    [UnmanagedCallersOnly]
    private static nint* ProbeStart(nint* context, nint function)
    {
        *context = 0;
        Probe p = probe!;
        nint count = InputCount(function);
        if (p.Inputs == 0 && count == 3)
        {
            for (int offset = 0; offset < 320; offset += 8)
            {
                nint array = *(nint*)(function + offset);
                if (*(nint*)(function + offset + 8) != 3 || array < 4096 || array % 8 != 0 || !IsNear(array, function))
                    continue;
                IValue first = new(array), second = new(array + IValue.Size), third = new(array + 2 * IValue.Size);
                if (first.IsTensor && first.Tensor.Identity == p.A && second.IsTensor && second.Tensor.Identity == p.B && third.IsInt && third.Int == 3)
                    p.Inputs = offset;
            }
        }
        else if (p.Inputs > 0 && count == 2)
        {
            IValue list = new(*(nint*)(function + p.Inputs) + IValue.Size);
            if (!list.IsTensor && !list.IsInt && list.ListCount == 2 && new IValue(list.ListStart).Int == 1)
            {
                IValue.ListTag = list.RawTag;
                p.ListRead = true;
            }
        }

        return context;
    }

    // The result of add_ is a itself: a std::vector of one value whose payload is a.
    [UnmanagedCallersOnly]
    private static void ProbeEnd(nint function, nint context)
    {
        Probe p = probe!;
        if (p.Inputs == 0 || p.Outputs != 0)
            return;
        for (int offset = p.Inputs + 16; offset < p.Inputs + 160; offset += 8)
        {
            nint begin = *(nint*)(function + offset), end = *(nint*)(function + offset + 8), capacity = *(nint*)(function + offset + 16);
            if (begin < 4096 || begin % 8 != 0 || end - begin != IValue.Size || capacity < end || capacity - begin > 4096)
                continue;
            IValue value = new(begin);
            if (value.IsTensor && value.Tensor.Identity == p.A)
            {
                p.Outputs = offset;
                return;
            }
        }
    }

    /// <summary>True for arguments on the stack of the thread, as the record is: not for those of TorchScript, which has a stack of its own.</summary>
    public static bool IsNear(nint a, nint b) => Math.Abs(a - b) < 1 << 20;

    private sealed class Probe
    {
        public nint A;
        public nint B;
        public int Inputs;
        public int Outputs;
        public bool ListRead;
    }
}
