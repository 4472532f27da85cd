using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Runs;

/// <summary>Says which samples of a batch are at fault, so that one bad row is found among thousands.</summary>
internal static class BadSamples
{
    /// <summary>Such as <c>, in sample 17</c>, and the first of them; nothing where there is one sample.</summary>
    /// <param name="isBad">Booleans, [N, ...].</param>
    public static (string Text, long? First) In(Tensor isBad)
    {
        if (isBad.ndim == 0 || isBad.shape[0] < 2)
            return ("", null);
        using DisposeScope scope = NewDisposeScope();
        Tensor places = isBad.reshape(isBad.shape[0], -1).any(1).nonzero();
        long first = places[0, 0].item<long>();
        return (places.shape[0] == 1 ? $", in sample {first}" : $", in {places.shape[0]} samples, the first of which is {first}", first);
    }
}
