using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Runs;

/// <summary>Start relevance on the device, and where it is not zero if that is in few places only.</summary>
internal sealed record Seed(Block Block, IReadOnlyList<long>? Entries)
{
    // A next token is one entry of a vocabulary per sample; its rivals are one row of many.
    private const int Sparse = 8;

    /// <summary>Uploads start relevance. The caller releases the block.</summary>
    public static unsafe Seed Upload(Device device, Arena arena, float[] relevance)
    {
        List<long>? entries = [];
        for (int k = 0; k < relevance.Length && entries != null; k++)
        {
            if (relevance[k] != 0)
                entries.Add(k);
            if (entries.Count > relevance.Length / Sparse)
                entries = null;
        }

        Block block = arena.Rent(relevance.Length);
        fixed (float* source = relevance)
            device.Upload(source, block.View, relevance.Length);
        return new Seed(block, entries);
    }
}
