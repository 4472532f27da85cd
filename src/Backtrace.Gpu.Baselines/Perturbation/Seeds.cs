using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// Seeds of samples, for numbers that must differ from sample to sample: they depend on a seed and on what the sample holds, not on its place in a batch, so that
/// one is treated alike whichever others are treated with it.
/// </summary>
internal static class Seeds
{
    /// <summary>FNV-1a of the sample's bytes as 64-bit numbers and the seed, mixed as in SplitMix64 (Steele, Lea and Flood 2014).</summary>
    /// <param name="seed">Of all samples.</param>
    /// <param name="sample">Numbers or tokens, of any shape.</param>
    internal static ulong Of(int seed, Tensor sample)
    {
        using DisposeScope scope = NewDisposeScope();
        double[] numbers = sample.to(float64).cpu().contiguous().data<double>().ToArray();
        uint hash = 2166136261;
        foreach (byte b in MemoryMarshal.AsBytes(numbers.AsSpan()))
            hash = (hash ^ b) * 16777619;
        return Mix(Mix(unchecked(hash + (uint)seed)) + 0x9E3779B97F4A7C15);
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
