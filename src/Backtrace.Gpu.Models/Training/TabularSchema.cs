namespace Backtrace.Gpu.Models.Training;

/// <summary>Derives a preprocessing from training rows: which columns are numbers, their statistics, and the words worth a position of their own.</summary>
internal static class TabularSchema
{
    // A rarer word shares the position "other", which is thereby trained as well.
    private const int MinimumOccurrences = 20;

    // Amounts such as incomes: the tail would otherwise dominate the mean and the spread.
    private const double SkewForLog = 3;
    private const double RangeForLog = 1000;

    /// <summary>Classes are ordered by falling frequency, so that the rare one, which one usually looks for, comes last.</summary>
    internal static IReadOnlyList<string> Classes(CsvTable table, string target)
    {
        int position = table.IndexOf(target);
        if (position < 0)
            throw new InvalidInputException(table.Path, $"has no target column '{target}'");
        string[] classes = [.. table.Rows.GroupBy(row => row[position]).OrderByDescending(g => g.Count()).ThenBy(g => g.Key, StringComparer.Ordinal).Select(g => g.Key)];
        if (classes.Length != 2)
            throw new InvalidInputException(table.Path, $"has {classes.Length} different values; two classes can be trained", column: target);
        return classes;
    }

    internal static TabularPreprocessing Derive(CsvTable table, IReadOnlyList<int> rows, string target, IReadOnlyList<string> classes)
    {
        List<TabularColumn> columns = [];
        for (int i = 0; i < table.Columns.Count; i++)
        {
            if (table.Columns[i] == target)
                continue;
            string[] cells = [.. rows.Select(row => table.Rows[row][i])];
            columns.Add((TabularColumn?)Numeric(table.Columns[i], cells) ?? Categorical(table.Columns[i], cells));
        }
        return new TabularPreprocessing(columns, target, classes);
    }

    private static NumericColumn? Numeric(string name, string[] cells)
    {
        double[]? values = Parse(cells, log: false);
        if (values is null)
            return null;
        bool log = values.Max() - values.Min() > RangeForLog && Math.Abs(Skew(values)) > SkewForLog;
        if (log)
            values = Parse(cells, log: true)!;
        (double mean, double std) = Moments(values);
        return new NumericColumn(name, mean, std > 0 ? std : 1, log);
    }

    private static CategoricalColumn Categorical(string name, string[] cells) =>
        new(name, [.. cells.GroupBy(cell => cell).Where(g => g.Count() >= MinimumOccurrences).Select(g => g.Key).Order(StringComparer.Ordinal)]);

    private static double[]? Parse(string[] cells, bool log)
    {
        double[] values = new double[cells.Length];
        for (int i = 0; i < values.Length; i++)
        {
            if (!NumericColumn.TryParse(cells[i], log, out values[i]))
                return null;
        }
        return values;
    }

    private static (double Mean, double Std) Moments(double[] values)
    {
        double mean = values.Average();
        return (mean, Math.Sqrt(values.Average(value => (value - mean) * (value - mean))));
    }

    private static double Skew(double[] values)
    {
        (double mean, double std) = Moments(values);
        return std > 0 ? values.Average(value => Math.Pow((value - mean) / std, 3)) : 0;
    }
}
