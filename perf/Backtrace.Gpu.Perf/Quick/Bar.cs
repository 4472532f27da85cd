namespace Backtrace.Gpu.Perf.Quick;

/// <summary>A figure and what it must reach.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Value">The figure.</param>
/// <param name="Limit">The bar; null for figures given for information.</param>
/// <param name="IsMinimum">True if the figure must be at least the bar, false if at most.</param>
/// <param name="Unit">Unit of both.</param>
/// <param name="Note">Times and spread, for people.</param>
internal sealed record Bar(string Name, double Value, double? Limit, bool IsMinimum, string Unit, string Note)
{
    public bool? Holds => Limit is not { } limit ? null : IsMinimum ? Value >= limit : Value <= limit;

    /// <summary>The bar and whether it holds, as columns of a table.</summary>
    public string Verdict
    {
        get
        {
            string limit = Limit is { } l ? $"{(IsMinimum ? ">=" : "<=")} {l:0.##}" : "";
            return $"{limit,8}  {Holds switch { true => "ok", false => "MISSED", null => "" },-6}";
        }
    }
}
