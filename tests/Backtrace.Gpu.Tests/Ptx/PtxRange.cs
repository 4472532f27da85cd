namespace Backtrace.Gpu.Tests.Ptx;

/// <summary>Memory that a kernel may touch: <paramref name="Bytes"/> from <paramref name="Start"/> on.</summary>
/// <param name="Start">First address.</param>
/// <param name="Bytes">Length.</param>
/// <param name="Word">Number of its first 32-bit word among those of all ranges.</param>
internal readonly record struct PtxRange(ulong Start, ulong Bytes, int Word)
{
    /// <summary>The ranges that overlapping ones make up, with numbers for their words.</summary>
    internal static PtxRange[] Join(IEnumerable<(ulong Start, ulong Bytes)> pieces)
    {
        List<(ulong Start, ulong End)> joined = [];
        foreach ((ulong start, ulong bytes) in pieces.Where(p => p.Bytes > 0).OrderBy(p => p.Start))
        {
            if (joined.Count > 0 && start < joined[^1].End)
                joined[^1] = (joined[^1].Start, Math.Max(joined[^1].End, start + bytes));
            else
                joined.Add((start, start + bytes));
        }

        PtxRange[] ranges = new PtxRange[joined.Count];
        int word = 0;
        for (int k = 0; k < ranges.Length; k++)
        {
            ranges[k] = new PtxRange(joined[k].Start, joined[k].End - joined[k].Start, word);
            word += checked((int)((ranges[k].Bytes + 3) / 4));
        }

        return ranges;
    }
}
