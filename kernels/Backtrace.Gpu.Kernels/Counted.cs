using System.Globalization;

namespace Backtrace.Gpu.Kernels;

/// <summary>Counts in messages and pages: "1 row", "2 rows", "12,000 rows".</summary>
internal static class Counted
{
    /// <summary>A number and what there is so much of.</summary>
    /// <param name="count">The number.</param>
    /// <param name="one">What one of them is called.</param>
    /// <param name="many">What others are called; null for an s at the end.</param>
    internal static string Of(long count, string one, string? many = null) => string.Create(CultureInfo.InvariantCulture, $"{count:N0} {Noun(count, one, many)}");

    /// <summary>The same without the number.</summary>
    internal static string Noun(long count, string one, string? many = null) => count == 1 ? one : many ?? one + "s";
}
