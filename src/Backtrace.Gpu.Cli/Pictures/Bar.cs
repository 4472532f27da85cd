namespace Backtrace.Gpu.Cli.Pictures;

/// <summary>One bar of a chart.</summary>
/// <param name="Name">What it stands for.</param>
/// <param name="Value">Its length, a share of the whole.</param>
/// <param name="Detail">Shown after the name in a fainter tone; null for nothing.</param>
/// <param name="IsRest">True for the sum of what is too small to be shown one by one: a number without a bar.</param>
internal readonly record struct Bar(string Name, double Value, string? Detail = null, bool IsRest = false)
{
    /// <summary>The longest bars first; those that are too many become one at the end.</summary>
    internal static IReadOnlyList<Bar> Rank(IEnumerable<Bar> bars, int most)
    {
        Bar[] ordered = [.. bars.OrderByDescending(bar => Math.Abs(bar.Value))];
        if (ordered.Length <= most)
            return ordered;
        Bar[] rest = ordered[(most - 1)..];
        return [.. ordered[..(most - 1)], new Bar($"{rest.Length} others together", rest.Sum(bar => bar.Value), null, IsRest: true)];
    }
}
