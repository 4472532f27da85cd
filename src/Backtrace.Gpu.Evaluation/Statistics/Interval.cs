namespace Backtrace.Gpu.Evaluation;

/// <summary>A mean over samples and how far it can be trusted.</summary>
/// <param name="Mean">Mean of the numbers that are not NaN; NaN if there are none.</param>
/// <param name="Lower">Lower end of the interval.</param>
/// <param name="Upper">Upper end of the interval.</param>
/// <param name="Count">How many numbers there are.</param>
/// <param name="Missing">How many were NaN and left out.</param>
public sealed record Interval(double Mean, double Lower, double Upper, int Count, int Missing)
{
    /// <summary>Whether 0 lies outside: of a difference, whether one of the two is ahead.</summary>
    public bool ExcludesZero => Lower > 0 || Upper < 0;
}
