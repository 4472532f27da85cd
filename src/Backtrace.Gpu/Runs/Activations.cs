using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;
using TorchSharp;

namespace Backtrace.Gpu.Runs;

/// <summary>
/// The values of a recorded graph as contiguous fp32 memory of the device: libtorch's own memory where it is that already, else a copy
/// that lives until the value's producer was visited; copies of parameters live for one visit, so that a model's weights never lie there twice, unless they are kept.
/// </summary>
internal sealed unsafe class Activations(Device device, Arena arena, KeptWeights? kept) : IDisposable
{
    private readonly Dictionary<Value, Entry> ready = [];

    public DeviceTensor Get(Value value)
    {
        if (ready.TryGetValue(value, out Entry? known))
            return known.Tensor;
        RawTensor held = value.Held;
        long length = DeviceTensor.Count(value.Sizes);
        torch.Tensor? copy = IsReady(held) ? null : ToFloat(held);
        float* memory = (float*)(copy is null ? held.Data : new RawTensor(copy.Handle).Data);
        if (device.Kind == DeviceKind.Cpu)
            return Keep(value, new Entry(new DeviceTensor(device.Wrap(memory, length), value.Sizes), copy, null));
        using (copy)
        {
            Block block = arena.Rent(length);
            DeviceTensor tensor = Keep(value, new Entry(new DeviceTensor(block.View.SubView(0, length), value.Sizes), null, block));
            device.Upload(memory, block.View, length);
            return tensor;
        }
    }

    /// <summary>Ends the use of a value: a copy of it goes.</summary>
    public void Release(Value value)
    {
        if (ready.Remove(value, out Entry? known))
            known.Release();
    }

    /// <summary>
    /// A parameter whose numbers are bf16 and contiguous, two in the place of a float; else null. A block that it needed is added to <paramref name="lent"/>, for
    /// the caller to release.
    /// </summary>
    public ArrayView<float>? LendBFloat16(Value parameter, List<Block> lent)
    {
        RawTensor held = parameter.Held;
        if (held.Type != torch.ScalarType.BFloat16 || !held.IsContiguous || !held.IsOnCpu)
            return null;
        long length = DeviceTensor.Count(parameter.Sizes), pairs = (length + 1) / 2;
        if (device.Kind == DeviceKind.Cpu)
            return device.Wrap((float*)held.Data, pairs);

        // An upload reads all of the last pair, but only the first half of it may be there.
        if (length % 2 != 0)
            return null;
        Block block = Rent(parameter, pairs, isBFloat16: true, lent, out bool isFilled);
        if (!isFilled)
        {
            device.Upload((float*)held.Data, block.View, pairs);
            kept?.Keep(parameter, isBFloat16: true, block);
        }

        return block.View.SubView(0, pairs);
    }

    /// <summary>A parameter; a block that it needed is added to <paramref name="lent"/>, for the caller to release.</summary>
    public DeviceTensor Lend(Value parameter, List<Block> lent)
    {
        RawTensor held = parameter.Held;
        long length = DeviceTensor.Count(parameter.Sizes);
        bool isReady = IsReady(held);
        if (device.Kind == DeviceKind.Cpu && isReady)
            return new DeviceTensor(device.Wrap((float*)held.Data, length), parameter.Sizes);
        Block block = Rent(parameter, length, isBFloat16: false, lent, out bool isFilled);
        ArrayView<float> view = block.View.SubView(0, length);
        if (!isFilled)
        {
            Fill(view, held, isReady, parameter.Sizes);
            kept?.Keep(parameter, isBFloat16: false, block);
        }

        return new DeviceTensor(view, parameter.Sizes);
    }

    /// <summary>Some rows of a parameter of which all would have to be copied, and not for later use; else null. A block is added to <paramref name="lent"/>.</summary>
    public DeviceTensor? LendRows(Value parameter, IReadOnlyList<int> rows, List<Block> lent)
    {
        if (kept is not null || (device.Kind == DeviceKind.Cpu && IsReady(parameter.Held)))
            return null;
        using torch.Tensor all = parameter.ToTensor(), places = torch.tensor(rows.Select(row => (long)row).ToArray(), device: all.device);
        using torch.Tensor chosen = all.index_select(0, places), floats = chosen.to(torch.ScalarType.Float32, torch.CPU, copy: false, disposeAfter: false, non_blocking: false);
        Block block = arena.Rent(floats.numel());
        lent.Add(block);
        ArrayView<float> view = block.View.SubView(0, floats.numel());
        device.Upload((float*)new RawTensor(floats.Handle).Data, view, view.Length);
        return new DeviceTensor(view, floats.shape);
    }

    // Memory for a copy of a parameter, or the copy that was kept.
    private Block Rent(Value parameter, long floats, bool isBFloat16, List<Block> lent, out bool isFilled)
    {
        Block? found = kept?.Find(parameter, isBFloat16);
        isFilled = found is not null;
        Block block = found ?? arena.Rent(floats);
        lent.Add(block);
        return block;
    }

    private void Fill(ArrayView<float> view, RawTensor held, bool isReady, long[] sizes)
    {
        if (isReady)
        {
            device.Upload((float*)held.Data, view, view.Length);
        }
        else if (device.Kind == DeviceKind.Cpu)
        {
            using torch.Tensor source = torch.Tensor.UnsafeCreateTensor(held.Hold().Handle), target = TensorViews.Wrap(view, sizes);
            target.copy_(source);
        }
        else
        {
            using torch.Tensor copy = ToFloat(held);
            device.Upload((float*)new RawTensor(copy.Handle).Data, view, view.Length);
        }
    }

    public void Dispose()
    {
        foreach (Entry entry in ready.Values)
            entry.Release();
        ready.Clear();
    }

    // What kernels on the CPU and uploads can read as it is.
    private static bool IsReady(RawTensor held) => held.Type == torch.ScalarType.Float32 && held.IsContiguous && held.IsOnCpu;

    private static torch.Tensor ToFloat(RawTensor held)
    {
        // Each handle on the copy would keep it until the end of the explanation.
        using torch.Tensor source = torch.Tensor.UnsafeCreateTensor(held.Hold().Handle);
        using torch.Tensor floats = source.to(torch.ScalarType.Float32, torch.CPU, copy: false, disposeAfter: false, non_blocking: false);
        return floats.contiguous().DetachFromDisposeScope();
    }

    private DeviceTensor Keep(Value value, Entry entry)
    {
        ready.Add(value, entry);
        return entry.Tensor;
    }

    /// <param name="Tensor">The value.</param>
    /// <param name="Copy">Its memory where that is a copy of the host's.</param>
    /// <param name="Block">Its memory where that is the device's.</param>
    private sealed record Entry(DeviceTensor Tensor, torch.Tensor? Copy, Block? Block)
    {
        public void Release()
        {
            Copy?.Dispose();
            Block?.Release();
        }
    }
}
