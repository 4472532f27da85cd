using System.Globalization;
using System.Text.Json.Serialization;

namespace Backtrace.Gpu.Models;

/// <summary>One column of a table and the numbers it becomes.</summary>
/// <param name="Name">Header name.</param>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(NumericColumn), "numeric")]
[JsonDerivedType(typeof(CategoricalColumn), "categorical")]
public abstract record TabularColumn([property: JsonPropertyOrder(-1)] string Name)
{
    /// <summary>Numbers that the column becomes.</summary>
    [JsonIgnore]
    public abstract int Width { get; }

    /// <summary>A name for each of those numbers.</summary>
    [JsonIgnore]
    public abstract IEnumerable<string> FeatureNames { get; }

    /// <summary>Writes the numbers of one cell; <paramref name="into"/> has <see cref="Width"/> zeros.</summary>
    /// <returns>What is wrong with the cell, or null.</returns>
    internal abstract string? Encode(string cell, Span<float> into);

    /// <summary>What is wrong with the description, or null.</summary>
    internal abstract string? Problem();
}

/// <summary>A number, standardised with the training rows' statistics.</summary>
/// <param name="Name">Header name.</param>
/// <param name="Mean">Mean over the training rows, after the logarithm if there is one.</param>
/// <param name="Std">Standard deviation over the training rows; 1 for a constant column.</param>
/// <param name="Log">True for amounts of many magnitudes: sign(x) * ln(1 + |x|) is standardised.</param>
/// <param name="Missing">
/// Cells without a number in the table that training knew: where there were some, <see cref="Mean"/> takes the place of such cells; where there were none, they are refused.
/// </param>
public sealed record NumericColumn(
    string Name, double Mean, double Std, bool Log = false, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] int Missing = 0) : TabularColumn(Name)
{
    // What programs write for a number that is not known.
    private static readonly HashSet<string> Gaps = new(StringComparer.OrdinalIgnoreCase) { "", "?", "NA", "N/A", "#N/A", "<NA>", "NaN", "-NaN", "null", "none" };

    /// <inheritdoc/>
    [JsonIgnore]
    public override int Width => 1;

    /// <inheritdoc/>
    [JsonIgnore]
    public override IEnumerable<string> FeatureNames => [Name];

    /// <summary>True for an empty cell and for words that stand for a number that is not known: NA, N/A, NaN, null, None, ?.</summary>
    public static bool IsGap(string cell) => !(cell.Length > 0 && char.IsAsciiDigit(cell[^1])) && Gaps.Contains(cell.Trim());

    /// <summary>Reads a cell in the invariant culture and applies the logarithm.</summary>
    /// <returns>False for anything but a finite number.</returns>
    internal static bool TryParse(string cell, bool log, out double value)
    {
        if (!double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out value) || !double.IsFinite(value))
            return false;
        if (log)
            value = Math.CopySign(Math.Log(1 + Math.Abs(value)), value);
        return true;
    }

    /// <summary>Why a cell holds no number.</summary>
    internal static string Fault(string cell)
    {
        if (cell.AsSpan().Trim().IsEmpty)
            return "is empty, a number is needed";
        string shown = cell.Length <= 40 ? cell : cell[..40] + "...";
        return double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsInfinity(value) && cell.AsSpan().ContainsAnyInRange('0', '9')
            ? $"'{shown}' is too large"
            : $"'{shown}' is not a number";
    }

    internal override string? Encode(string cell, Span<float> into)
    {
        if (TryParse(cell, Log, out double value))
            into[0] = (float)((value - Mean) / Std);
        else if (!IsGap(cell))
            return Fault(cell);
        else if (Missing == 0)
            return $"{Fault(cell)}: the model was trained without gaps in this column";
        return float.IsFinite(into[0]) ? null : $"'{cell}' is too large";
    }

    internal override string? Problem() =>
        double.IsFinite(Mean) && double.IsFinite(Std) && Std > 0 && Missing >= 0 ? null : "needs a finite mean, a positive std and no negative number of missing cells";
}

/// <summary>One of several words, one-hot. Words that training did not see often enough share the last position, "other".</summary>
/// <param name="Name">Header name.</param>
/// <param name="Levels">The known words.</param>
public sealed record CategoricalColumn(string Name, IReadOnlyList<string> Levels) : TabularColumn(Name)
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override int Width => Levels.Count + 1;

    /// <inheritdoc/>
    [JsonIgnore]
    public override IEnumerable<string> FeatureNames => Levels.Append("other").Select(level => $"{Name}={level}");

    internal override string? Encode(string cell, Span<float> into)
    {
        int position = 0;
        while (position < Levels.Count && Levels[position] != cell)
            position++;
        into[position] = 1;
        return null;
    }

    internal override string? Problem() => Levels is null || Levels.Distinct().Count() != Levels.Count ? "needs distinct levels" : null;
}
