using System.Runtime.InteropServices;
using TorchSharp;

namespace Backtrace.Gpu.Models;

/// <summary>Collects the rows of a table of any length as a tensor, block by block.</summary>
/// <param name="width">Numbers per row.</param>
/// <param name="most">No more rows than these.</param>
internal sealed class EncodedRows(int width, int most) : IDisposable
{
    private const int BlockRows = 4096;

    private readonly List<torch.Tensor> blocks = [];
    private int used = BlockRows;

    /// <summary>Room for the next row, all zeros.</summary>
    public Span<float> Next()
    {
        if (used == BlockRows)
        {
            blocks.Add(torch.empty(Math.Min(most - blocks.Count * BlockRows, BlockRows), width));
            used = 0;
        }

        Span<float> row = MemoryMarshal.Cast<byte, float>(blocks[^1].bytes).Slice(used * width, width);
        row.Clear();
        return row;
    }

    /// <summary>Keeps what was written to <see cref="Next"/>.</summary>
    public void Keep() => used++;

    /// <summary>[rows, width]; the caller's.</summary>
    public torch.Tensor ToTensor()
    {
        if (blocks.Count == 0)
            return torch.zeros(0, width);
        using torch.Tensor last = blocks[^1].narrow(0, 0, used);
        return blocks.Count == 1 ? last.alias() : torch.cat([.. blocks.SkipLast(1), last]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (torch.Tensor block in blocks)
            block.Dispose();
    }
}
