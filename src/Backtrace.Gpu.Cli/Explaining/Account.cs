namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Where the start relevance of one input, or of several on average, went: start = input + bias + dropped + constants.</summary>
internal readonly record struct Account(double Start, double Input, double Bias, double Dropped, double Constants)
{
    internal static Account Mean(IReadOnlyCollection<Account> all) => new(
        all.Average(a => a.Start), all.Average(a => a.Input), all.Average(a => a.Bias), all.Average(a => a.Dropped), all.Average(a => a.Constants));
}
