using Backtrace.Gpu.Kernels.Execution;

namespace Backtrace.Gpu.Runs;

/// <summary>Relevance on its way: memory that several values may share, and the ledger slots whose sum is its total.</summary>
internal sealed class Relevance(Block block, long length, List<int> slots, IReadOnlyList<long>? entries = null)
{
    /// <summary>Positions, ascending, outside of which there is none; null if that is not known.</summary>
    public IReadOnlyList<long>? Entries { get; set; } = entries;

    public Block Block { get; set; } = block;

    public long Length => length;

    public List<int> Slots { get; } = slots;

    public DeviceTensor As(long[] shape) => new(Block.View.SubView(0, length), shape);
}
