using TorchSharp;

namespace Backtrace.Gpu.Models;

/// <summary>Some rows of a table, ready for a model. Owns its tensor.</summary>
/// <param name="Table">The whole table as text.</param>
/// <param name="Rows">Position of each row in the table, from 0.</param>
/// <param name="Values">Encoded rows, [rows, width].</param>
/// <param name="Labels">Class number of each row; null where the table does not say it.</param>
public sealed record TabularRows(CsvTable Table, IReadOnlyList<int> Rows, torch.Tensor Values, IReadOnlyList<int?> Labels) : IDisposable
{
    /// <summary>Releases the tensor.</summary>
    public void Dispose() => Values.Dispose();
}
