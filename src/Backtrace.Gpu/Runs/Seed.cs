using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Runs;

/// <summary>
/// Start relevance. Where it is not zero in few places only, no more than these is kept until the run needs it: of many tokens of a long text the seeds would
/// take more memory than all else, as each is text times vocabulary.
/// </summary>
internal sealed record Seed(float[] Values, IReadOnlyList<long>? Entries, long Length)
{
    // A next token is one entry of a vocabulary per sample; its rivals are one row of many.
    private const int Sparse = 8;

    /// <summary>Keeps start relevance; the array may be used again.</summary>
    public static Seed Of(float[] relevance)
    {
        List<long> entries = [];
        for (int k = 0; k < relevance.Length; k++)
        {
            if (relevance[k] == 0)
                continue;
            entries.Add(k);
            if (entries.Count > relevance.Length / Sparse)
                return new Seed([.. relevance], null, relevance.Length);
        }

        return new Seed([.. entries.Select(k => relevance[k])], entries, relevance.Length);
    }

    /// <summary>All of it on the device, in memory that the caller releases.</summary>
    public unsafe Block Upload(Device device, Arena arena)
    {
        float[] all = Values;
        if (Entries is not null)
        {
            all = new float[Length];
            for (int k = 0; k < Values.Length; k++)
                all[Entries[k]] = Values[k];
        }

        Block block = arena.Rent(Length);
        fixed (float* source = all)
            device.Upload(source, block.View, Length);
        return block;
    }
}
