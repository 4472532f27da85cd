using TorchSharp;

namespace Backtrace.Gpu.Models;

/// <summary>Rows of a table, ready for a model. Owns its tensor.</summary>
/// <param name="Table">The rows as text.</param>
/// <param name="Values">Encoded rows, [rows, width].</param>
/// <param name="Labels">Class number of each row, from the target column; null when the table has no such column.</param>
public sealed record TabularInput(CsvTable Table, torch.Tensor Values, IReadOnlyList<int>? Labels) : IDisposable
{
    /// <summary>Releases the tensor.</summary>
    public void Dispose() => Values.Dispose();
}
