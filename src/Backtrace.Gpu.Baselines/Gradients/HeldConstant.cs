using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>A tensor that every call needs alike, kept from one call to the next as long as inputs have the same shape, type and device.</summary>
internal sealed class HeldConstant : IDisposable
{
    private Tensor? held;
    private long[] heldShape = []; // reading a tensor's own costs as much as a small operator

    /// <summary>The constant for an input; the holder's.</summary>
    /// <param name="input">Whose type and device it gets.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="make">Makes it anew, of any type, on the CPU, with so many entries.</param>
    public Tensor For(Tensor input, long[] shape, Func<Tensor> make)
    {
        if (held is null || held.dtype != input.dtype || held.device_type != input.device_type || held.device_index != input.device_index || !heldShape.AsSpan().SequenceEqual(shape))
        {
            using DisposeScope scope = NewDisposeScope();
            held?.Dispose();
            held = null;
            heldShape = shape;
            held = make().view(shape).to(input.dtype, input.device, copy: true).DetachFromDisposeScope();
        }

        return held;
    }

    public bool IsDisposed { get; private set; }

    public void Dispose()
    {
        IsDisposed = true;
        held?.Dispose();
    }
}
