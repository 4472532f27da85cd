using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Models;

/// <summary>
/// Rotary position embedding in the half-split layout: components k and k + d/2 of a head form a pair, which position p turns by
/// p times the pair's frequency.
/// </summary>
internal sealed class RotaryEmbedding
{
    private readonly float[] frequencies;

    internal RotaryEmbedding(LlamaConfig config)
    {
        frequencies = new float[config.HeadSize / 2];
        for (int k = 0; k < frequencies.Length; k++)
        {
            double frequency = Math.Pow(config.RopeTheta, -2.0 * k / config.HeadSize);
            frequencies[k] = (float)(config.Stretching?.Apply(frequency) ?? frequency);
        }
    }

    /// <summary>Cosine and sine for so many positions from the first on, each [length, head size], in the type and on the device of <paramref name="like"/>.</summary>
    internal (Tensor Cosine, Tensor Sine) Tables(long first, long length, Tensor like)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor angles = outer(arange(first, first + length, ScalarType.Float32), tensor(frequencies));
        angles = cat([angles, angles], -1);
        return (angles.cos().to(like.dtype, like.device).MoveToOuterDisposeScope(), angles.sin().to(like.dtype, like.device).MoveToOuterDisposeScope());
    }

    /// <summary>Turns [N, heads, T, head size].</summary>
    internal static Tensor Turn(Tensor x, Tensor cosine, Tensor sine)
    {
        long half = x.shape[^1] / 2;
        Tensor swapped = cat([x.slice(-1, half, 2 * half, 1).neg(), x.slice(-1, 0, half, 1)], -1);
        return x * cosine + swapped * sine;
    }
}
