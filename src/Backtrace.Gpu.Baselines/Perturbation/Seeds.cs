namespace Backtrace.Gpu.Baselines;

/// <summary>Seeds of the samples of a call, for numbers that must differ from sample to sample: they depend on a seed and the sample's place only.</summary>
internal static class Seeds
{
    /// <summary>The sequence of SplitMix64 (Steele, Lea and Flood 2014), entered at the seed.</summary>
    internal static ulong Of(int seed, long sample)
    {
        ulong z = Mix((ulong)(uint)seed) + (ulong)(sample + 1) * 0x9E3779B97F4A7C15;
        return Mix(z);
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
