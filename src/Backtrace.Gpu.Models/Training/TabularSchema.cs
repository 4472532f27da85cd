using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Models.Training;

/// <summary>Derives a preprocessing from training rows: which columns are numbers, their statistics, and the words worth a position of their own.</summary>
internal static class TabularSchema
{
    // A rarer word shares the position "other", which is thereby trained as well.
    private const int MinimumOccurrences = 20;

    // Amounts such as incomes: the tail would otherwise dominate the mean and the spread.
    private const double SkewForLog = 3;
    private const double RangeForLog = 1000;

    private const int Listed = 8;

    /// <summary>Classes are ordered by falling frequency, so that the rare one, which one usually looks for, comes last.</summary>
    internal static IReadOnlyList<string> Classes(CsvTable table, string target)
    {
        int position = table.IndexOf(target);
        if (position < 0)
            throw new InvalidInputException(table.Path, $"has no column '{target}' for the target; its columns are {Some(table.Columns)}");
        string[] classes = [.. table.Rows.GroupBy(row => row[position]).OrderByDescending(g => g.Count()).ThenBy(g => g.Key, StringComparer.Ordinal).Select(g => g.Key)];
        if (Array.Find(classes, IsUnknown) is { } gap)
        {
            int first = table.Rows.TakeWhile(cells => cells[position] != gap).Count(), gaps = table.Rows.Count(cells => IsUnknown(cells[position]));
            throw new InvalidInputException(table.Path, $"'{gap}' is no class; take out the {Counted.Of(gaps, "row")} whose class is not known", table.LineOf(first), target);
        }
        if (classes.Length <= 2 && classes.Contains(target))
            throw new InvalidInputException(table.Path, $"the header calls the target '{target}', which is one of its classes: the table seems to have no header; put the names of its columns above it", 1);
        if (classes.Length == 1)
            throw new InvalidInputException(table.Path, $"is '{classes[0]}' in all rows; two classes can be trained", column: target);
        if (classes.Length != 2)
            throw new InvalidInputException(table.Path, $"has {classes.Length} different values, as {Some(classes)}; two classes can be trained", column: target);
        return classes;
    }

    // "none" is a class, as in none and mild.
    private static bool IsUnknown(string cell) => NumericColumn.IsGap(cell) && !cell.AsSpan().Trim().Equals("none", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether a column holds numbers is read off all rows; statistics and words come from the training rows alone.</summary>
    /// <exception cref="InvalidInputException">A column of numbers has a cell that is none; names line and column.</exception>
    internal static TabularPreprocessing Derive(CsvTable table, IReadOnlyList<int> rows, string target, IReadOnlyList<string> classes, IReadOnlyList<string> words)
    {
        if (words.FirstOrDefault(word => table.IndexOf(word) < 0) is { } unknown)
            throw new InvalidInputException(table.Path, $"has no column '{unknown}' to hold words; its columns are {Some(table.Columns)}");
        List<TabularColumn> columns = [];
        for (int i = 0; i < table.Columns.Count; i++)
        {
            string name = table.Columns[i];
            if (name == target)
                continue;
            columns.Add(!words.Contains(name) && HoldsNumbers(table, i) ? Numeric(table, i, rows) : Categorical(name, Cells(table, i, rows)));
        }
        if (columns.Count == 0)
            throw new InvalidInputException(table.Path, "has no column but the target");
        return new TabularPreprocessing(columns, target, classes);
    }

    // A column of numbers with a few typing errors must not become words without a word about it.
    private static bool HoldsNumbers(CsvTable table, int column)
    {
        int numbers = 0, others = 0, first = -1;
        for (int row = 0; row < table.Rows.Count; row++)
        {
            string cell = table.Rows[row][column];
            if (NumericColumn.TryParse(cell, log: false, out _))
                numbers++;
            else if (!NumericColumn.IsGap(cell) && others++ == 0)
                first = row;
        }
        if (numbers <= others && table.Rows.Count(row => HasCommas(row[column])) * 2 > numbers + others)
            throw new InvalidInputException(table.Path, $"'{table.Rows[first][column]}' is a number with a comma, as most cells of the column; write numbers with a point and without separators of thousands, or name the column among those that hold words (--words)", table.LineOf(first), table.Columns[column]);
        if (others == 0 || numbers <= others)
            return numbers > others;
        throw new InvalidInputException(
            table.Path,
            $"{NumericColumn.Fault(table.Rows[first][column])}, but {numbers} other cells of the column are numbers; correct or empty it, or name the column among those that hold words (--words)",
            table.LineOf(first),
            table.Columns[column]);
    }

    // As in 0,5 or 1,200.50.
    private static bool HasCommas(string cell) =>
        cell.Contains(',', StringComparison.Ordinal) && char.IsAsciiDigit(cell[^1]) && NumericColumn.TryParse(cell.Replace(",", "", StringComparison.Ordinal), log: false, out _);

    private static NumericColumn Numeric(CsvTable table, int column, IReadOnlyList<int> rows)
    {
        string name = table.Columns[column];
        string[] cells = Cells(table, column, rows);
        int gaps = table.Rows.Count(row => NumericColumn.IsGap(row[column]));
        double[] values = Parse(cells, log: false);
        if (values.Length == 0)
            throw new InvalidInputException(table.Path, "has too few numbers to train with; take the column out", column: name);
        bool log = values.Max() - values.Min() > RangeForLog && Math.Abs(Skew(values)) > SkewForLog;
        if (log)
            values = Parse(cells, log: true);
        (double mean, double std) = Moments(values);
        if (!double.IsFinite(std))
        {
            int largest = rows.MaxBy(row => NumericColumn.TryParse(table.Rows[row][column], log: false, out double value) ? Math.Abs(value) : 0);
            throw new InvalidInputException(table.Path, $"'{table.Rows[largest][column]}' is too large to be standardised; correct it, or use another unit", table.LineOf(largest), name);
        }
        // Of equal numbers, rounding leaves a spread that is none.
        return new NumericColumn(name, mean, std > 0 && values.Max() > values.Min() ? std : 1, log, gaps);
    }

    private static CategoricalColumn Categorical(string name, string[] cells) =>
        new(name, [.. cells.GroupBy(cell => cell).Where(g => g.Count() >= MinimumOccurrences).Select(g => g.Key).Order(StringComparer.Ordinal)]);

    private static string[] Cells(CsvTable table, int column, IReadOnlyList<int> rows) => [.. rows.Select(row => table.Rows[row][column])];

    // The numbers among the cells.
    private static double[] Parse(string[] cells, bool log)
    {
        List<double> values = [];
        foreach (string cell in cells)
        {
            if (NumericColumn.TryParse(cell, log, out double value))
                values.Add(value);
        }
        return [.. values];
    }

    private static string Some(IReadOnlyList<string> values) => string.Join(", ", values.Take(Listed).Select(value => $"'{value}'")) + (values.Count > Listed ? ", ..." : "");

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
