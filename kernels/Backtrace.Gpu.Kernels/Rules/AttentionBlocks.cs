using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>Some rows of the queries of some neighbouring pairs, and the first keys, beyond which these rows see none.</summary>
internal readonly record struct AttentionBlock(int Pair, int Pairs, int Row, int Rows, int Keys);

/// <summary>
/// Cuts an attention into blocks whose weights fit into a cache: memory does not grow with queries times keys. Sums over queries are taken
/// block by block, so the rows of a block depend on nothing but the sizes of one sample.
/// </summary>
internal sealed class AttentionBlocks
{
    private readonly AttentionShape shape;
    private readonly bool isCausal;

    public AttentionBlocks(Attention operation, Device device)
    {
        shape = operation.Shape;
        isCausal = operation.IsCausal;
        bool isProcessor = device.IsProcessor;
        Rows = Math.Min(shape.Rows, isProcessor ? 64 : 256);
        long budget = isProcessor ? 1 << 19 : 1 << 24;
        Pairs = (int)Math.Clamp(budget / ((long)Rows * shape.Keys), 1, shape.Pairs);
    }

    /// <summary>The most rows of a block.</summary>
    public int Rows { get; }

    /// <summary>The most pairs of a block.</summary>
    public int Pairs { get; }

    /// <summary>The most weights of a block.</summary>
    public long Weights => (long)Pairs * Rows * shape.Keys;

    public IEnumerable<AttentionBlock> All()
    {
        for (int pair = 0; pair < shape.Pairs; pair += Pairs)
        {
            for (int row = 0; row < shape.Rows; row += Rows)
            {
                int rows = Math.Min(Rows, shape.Rows - row);
                yield return new AttentionBlock(pair, Math.Min(Pairs, shape.Pairs - pair), row, rows, Seen(row, row + rows - 1));
            }
        }
    }

    // Rows of several heads lie one after the other: a block that crosses from one to the next has the last query of the first.
    private int Seen(int first, int last) =>
        !isCausal ? shape.Keys
        : first / shape.Queries != last / shape.Queries ? Math.Min(shape.Keys, shape.Queries)
        : Math.Min(shape.Keys, (last % shape.Queries) + 1);
}
