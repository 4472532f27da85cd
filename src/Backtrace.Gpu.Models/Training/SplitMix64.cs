namespace Backtrace.Gpu.Models.Training;

/// <summary>Vigna's SplitMix64: a generator small enough to be written down, so that a split can be recomputed by anyone, in any language.</summary>
internal struct SplitMix64(ulong seed)
{
    private ulong state = seed;

    internal ulong Next()
    {
        state += 0x9E3779B97F4A7C15;
        ulong z = state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>Fisher-Yates from the end; the bias of the remainder is below 2^-40 for any table that fits in memory.</summary>
    internal void Shuffle<T>(Span<T> items)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int j = (int)(Next() % (ulong)(i + 1));
            (items[i], items[j]) = (items[j], items[i]);
        }
    }
}
