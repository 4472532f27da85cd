using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Dropout that leaves no operator behind when nothing is dropped.</summary>
internal static class Dropping
{
    /// <summary>Drops values with a probability while the module that asks is being trained.</summary>
    internal static Tensor Drop(this Tensor x, double probability, Module asks) =>
        asks.training && probability > 0 ? functional.dropout(x, probability, training: true) : x;
}
