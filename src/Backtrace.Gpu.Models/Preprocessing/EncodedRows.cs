using TorchSharp;

namespace Backtrace.Gpu.Models;

/// <summary>Collects the rows of a table of any length as a tensor, block by block.</summary>
/// <param name="width">Numbers per row.</param>
internal sealed class EncodedRows(int width) : IDisposable
{
    private const int BlockRows = 4096;

    private readonly float[] block = new float[BlockRows * width];
    private readonly List<torch.Tensor> full = [];
    private int used;

    /// <summary>Room for the next row, all zeros.</summary>
    public Span<float> Next()
    {
        Span<float> row = block.AsSpan(used * width, width);
        row.Clear();
        return row;
    }

    /// <summary>Keeps what was written to <see cref="Next"/>.</summary>
    public void Keep()
    {
        if (++used == BlockRows)
            End();
    }

    /// <summary>[rows, width]; the caller's.</summary>
    public torch.Tensor ToTensor()
    {
        End();
        return full.Count == 1 ? full[0].alias() : full.Count == 0 ? torch.zeros(0, width) : torch.cat(full);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (torch.Tensor part in full)
            part.Dispose();
    }

    private void End()
    {
        if (used > 0)
            full.Add(torch.tensor(block.AsSpan(0, used * width).ToArray(), [used, width]));
        used = 0;
    }
}
