using System.Text.Json.Serialization;
using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Models;

/// <summary>Tables: numbers are standardised, words become one-hot groups. Missing numbers become the mean where training knew such gaps.</summary>
/// <param name="Columns">The columns that the model uses, in input order; others in a file are ignored.</param>
/// <param name="Target">Name of the column that holds the class, where a file has it.</param>
/// <param name="Classes">The words of the target column, in output order.</param>
public sealed record TabularPreprocessing(IReadOnlyList<TabularColumn> Columns, string Target, IReadOnlyList<string> Classes) : Preprocessing
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override int? InputSize => Width;

    /// <summary>Numbers per row that the model receives.</summary>
    [JsonIgnore]
    public int Width
    {
        get
        {
            int width = 0;
            for (int i = 0; i < Columns.Count; i++)
                width += Columns[i].Width;
            return width;
        }
    }

    /// <summary>A name for each input number, such as "int_rate" or "term=term_36".</summary>
    [JsonIgnore]
    public IEnumerable<string> FeatureNames => Columns.SelectMany(column => column.FeatureNames);

    /// <summary>Reads and encodes a file.</summary>
    /// <exception cref="InvalidInputException">As for <see cref="CsvTable.Read"/> and <see cref="Encode"/>.</exception>
    public TabularInput Read(string path) => Encode(CsvTable.Read(path));

    /// <summary>Encodes the rows of a table.</summary>
    /// <exception cref="InvalidInputException">A column is missing, a number cannot be read, or the target column holds an unknown class; names line and column.</exception>
    public TabularInput Encode(CsvTable table)
    {
        int[] positions = Positions(table);
        using EncodedRows values = new(Width, table.Rows.Count);
        for (int row = 0; row < table.Rows.Count; row++)
            EncodeRow(table, positions, row, values);
        int[]? labels = table.IndexOf(Target) < 0 ? null : ReadLabels(table, Target, Classes);
        return new TabularInput(table, values.ToTensor(), labels);
    }

    /// <summary>Encodes some rows of a table to be answered, whose class may be missing or unknown; the other rows are not looked at.</summary>
    /// <param name="table">The table.</param>
    /// <param name="rows">Row positions, from 0.</param>
    /// <param name="skipped">Called for each row that is bad or cannot be encoded, which is then left out; null to stop there.</param>
    /// <exception cref="InvalidInputException">A column is missing, a row is bad or a number cannot be read; names line and column.</exception>
    public TabularRows EncodeRows(CsvTable table, IReadOnlyList<int> rows, Action<InvalidInputException>? skipped = null)
    {
        int[] positions = Positions(table);
        int target = table.IndexOf(Target);
        List<int> usable = [];
        using EncodedRows values = new(Width, rows.Count);
        foreach (int row in rows)
        {
            try
            {
                EncodeRow(table, positions, row, values);
                usable.Add(row);
            }
            catch (InvalidInputException e) when (skipped is not null)
            {
                skipped(e);
            }
        }
        return new TabularRows(table, usable, values.ToTensor(), [.. usable.Select(row => target < 0 ? null : ClassOf(table.Rows[row][target]))]);
    }

    /// <summary>Sums the numbers of each column: from one value per input number to one per column, for one row.</summary>
    /// <param name="perFeature"><see cref="Width"/> values, such as the relevance of one row.</param>
    /// <exception cref="ArgumentException">Another number of values.</exception>
    public float[] SumPerColumn(ReadOnlySpan<float> perFeature)
    {
        if (perFeature.Length != Width)
            throw new ArgumentException($"{Counted.Of(Width, "value is", "values are")} needed, not {perFeature.Length}.", nameof(perFeature));
        float[] sums = new float[Columns.Count];
        int offset = 0;
        for (int i = 0; i < sums.Length; i++)
        {
            foreach (float value in perFeature.Slice(offset, Columns[i].Width))
                sums[i] += value;
            offset += Columns[i].Width;
        }
        return sums;
    }

    private int[] Positions(CsvTable table)
    {
        int[] positions = [.. Columns.Select(column => table.IndexOf(column.Name))];
        string[] missing = [.. Columns.Where((_, i) => positions[i] < 0).Select(column => column.Name)];
        return missing.Length == 0 ? positions : throw new InvalidInputException(table.Path, $"lacks the {Counted.Noun(missing.Length, "column")} {string.Join(", ", missing)}");
    }

    private void EncodeRow(CsvTable table, int[] positions, int row, EncodedRows values)
    {
        if (table.FaultOf(row) is { } fault)
            throw fault;
        Span<float> next = values.Next();
        int offset = 0;
        for (int i = 0; i < positions.Length; i++)
        {
            string? problem = Columns[i].Encode(table.Rows[row][positions[i]], next.Slice(offset, Columns[i].Width));
            if (problem is not null)
                throw new InvalidInputException(table.Path, problem, table.LineOf(row), Columns[i].Name);
            offset += Columns[i].Width;
        }
        values.Keep();
    }

    private int? ClassOf(string word)
    {
        for (int i = 0; i < Classes.Count; i++)
        {
            if (Classes[i] == word)
                return i;
        }
        return null;
    }

    internal static int[] ReadLabels(CsvTable table, string target, IReadOnlyList<string> classes)
    {
        int position = table.IndexOf(target);
        Dictionary<string, int> numbers = classes.Select((name, i) => (name, i)).ToDictionary(pair => pair.name, pair => pair.i);
        int[] labels = new int[table.Rows.Count];
        for (int row = 0; row < labels.Length; row++)
        {
            if (!numbers.TryGetValue(table.Rows[row][position], out labels[row]))
                throw new InvalidInputException(table.Path, $"'{table.Rows[row][position]}' is none of the classes {string.Join(", ", classes)}", table.LineOf(row), target);
        }
        return labels;
    }

    internal override string? Problem()
    {
        if (Columns is null || Columns.Count == 0 || Columns.Contains(null!))
            return "has no columns, or an empty one";
        if (Target is null || Classes is null || Classes.Count < 2 || Classes.Contains(null!) || Classes.Distinct().Count() != Classes.Count)
            return "needs a target column and at least two distinct classes";
        if (Columns.Select(column => column.Name).Append(Target).Distinct().Count() != Columns.Count + 1)
            return "names a column twice, or uses the target as an input";
        return Columns.Select(column => column.Problem() is { } problem ? $"column '{column.Name}' {problem}" : null).FirstOrDefault(p => p is not null);
    }
}
