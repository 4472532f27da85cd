using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>
/// The parameter-free shortcut of the CIFAR networks: every second pixel of every second row, with zero channels added before and after.
/// </summary>
internal sealed class OptionAShortcut(int addedPerSide) : Module<Tensor, Tensor>(nameof(OptionAShortcut))
{
    public override Tensor forward(Tensor input)
    {
        using Tensor thinned = input[TensorIndex.Colon, TensorIndex.Colon, TensorIndex.Slice(step: 2), TensorIndex.Slice(step: 2)];
        return functional.pad(thinned, [0, 0, 0, 0, addedPerSide, addedPerSide]);
    }
}
