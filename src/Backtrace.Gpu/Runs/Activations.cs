using Backtrace.Gpu.Graphs;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Execution;
using ILGPU;
using TorchSharp;

namespace Backtrace.Gpu.Runs;

/// <summary>
/// The values of a recorded graph as contiguous fp32 memory of the device: libtorch's own memory where it is that already, else a copy
/// that lives as long as the run; copies of parameters live for one visit, so that a model's weights never lie there twice.
/// </summary>
internal sealed unsafe class Activations(Device device, Arena arena) : IDisposable
{
    private readonly Dictionary<Value, DeviceTensor> ready = [];
    private readonly List<torch.Tensor> copies = [];
    private readonly List<Block> blocks = [];

    public DeviceTensor Get(Value value)
    {
        if (ready.TryGetValue(value, out DeviceTensor tensor))
            return tensor;
        long length = DeviceTensor.Count(value.Sizes);
        float* memory = HostMemory(value);
        if (device.Kind == DeviceKind.Cpu)
        {
            tensor = new DeviceTensor(device.Wrap(memory, length), value.Sizes);
        }
        else
        {
            Block block = arena.Rent(length);
            blocks.Add(block);
            device.Upload(memory, block.View, length);
            tensor = new DeviceTensor(block.View.SubView(0, length), value.Sizes);
        }

        ready.Add(value, tensor);
        return tensor;
    }

    /// <summary>The memory of a parameter that is bf16 and contiguous, two numbers in the place of a float; else null.</summary>
    public ArrayView<float>? AsBFloat16(Value parameter)
    {
        RawTensor held = parameter.Held;
        return device.Kind == DeviceKind.Cpu && held.Type == torch.ScalarType.BFloat16 && held.IsContiguous && held.IsOnCpu
            ? device.Wrap((float*)held.Data, (DeviceTensor.Count(parameter.Sizes) + 1) / 2)
            : null;
    }

    /// <summary>A parameter; a block that it needed is added to <paramref name="lent"/>, for the caller to release.</summary>
    public DeviceTensor Lend(Value parameter, List<Block> lent)
    {
        RawTensor held = parameter.Held;
        long length = DeviceTensor.Count(parameter.Sizes);
        bool isReady = held.Type == torch.ScalarType.Float32 && held.IsContiguous && held.IsOnCpu;
        if (device.Kind == DeviceKind.Cpu && isReady)
            return new DeviceTensor(device.Wrap((float*)held.Data, length), parameter.Sizes);
        Block block = arena.Rent(length);
        lent.Add(block);
        ArrayView<float> view = block.View.SubView(0, length);
        if (isReady)
        {
            device.Upload((float*)held.Data, view, length);
        }
        else if (device.Kind == DeviceKind.Cpu)
        {
            using torch.Tensor source = torch.Tensor.UnsafeCreateTensor(held.Hold().Handle), target = TensorViews.Wrap(view, parameter.Sizes);
            target.copy_(source);
        }
        else
        {
            using torch.Tensor copy = ToFloat(held);
            device.Upload((float*)new RawTensor(copy.Handle).Data, view, length);
        }

        return new DeviceTensor(view, parameter.Sizes);
    }

    public void Dispose()
    {
        foreach (torch.Tensor copy in copies)
            copy.Dispose();
        foreach (Block block in blocks)
            block.Release();
        copies.Clear();
        blocks.Clear();
        ready.Clear();
    }

    private float* HostMemory(Value value)
    {
        RawTensor held = value.Held;
        if (held.Type == torch.ScalarType.Float32 && held.IsContiguous && held.IsOnCpu)
            return (float*)held.Data;
        torch.Tensor copy = ToFloat(held);
        copies.Add(copy);
        return (float*)new RawTensor(copy.Handle).Data;
    }

    private static torch.Tensor ToFloat(RawTensor held)
    {
        using torch.Tensor source = torch.Tensor.UnsafeCreateTensor(held.Hold().Handle);
        torch.Tensor copy = source.to(torch.ScalarType.Float32, torch.CPU, copy: false, disposeAfter: false, non_blocking: false).contiguous();
        return copy.DetachFromDisposeScope();
    }
}
