using Backtrace.Gpu.Models;
using TorchSharp;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Some rows of a table that follow each other. Owns its tensors, not the parts of the table.</summary>
/// <param name="first">Place of the first one among the rows that are explained.</param>
internal sealed class RowWindow(int first) : IDisposable
{
    private readonly List<(TabularRows Part, int Place, int Number)> rows = [];
    private readonly List<torch.Tensor> values = [];

    internal int First => first;

    internal int Count => rows.Count;

    /// <summary>Adds rows of a part of the table whose first row has the number <paramref name="begin"/>.</summary>
    internal void Add(TabularRows part, int begin, int from, int count)
    {
        rows.AddRange(Enumerable.Range(from, count).Select(place => (part, place, begin + part.Rows[place])));
        values.Add(part.Values.narrow(0, from, count));
    }

    /// <summary>Number of a row in its file.</summary>
    internal int Number(int n) => rows[n - first].Number;

    internal int? Label(int n) => rows[n - first].Part.Labels[rows[n - first].Place];

    /// <summary>The part of the table that a row came from, and its place there.</summary>
    internal (CsvTable Table, int Row) Text(int n)
    {
        (TabularRows part, int place, _) = rows[n - first];
        return (part.Table, part.Rows[place]);
    }

    /// <summary>[Count, width]; the caller's.</summary>
    internal torch.Tensor Values() => torch.cat(values);

    public void Dispose() => values.ForEach(part => part.Dispose());
}
