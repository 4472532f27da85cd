namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Where the start relevance of one input, or of several, went: start = input + bias + dropped + constants.</summary>
internal readonly record struct Account(double Start, double Input, double Bias, double Dropped, double Constants)
{
    public static Account operator +(Account a, Account b) => new(a.Start + b.Start, a.Input + b.Input, a.Bias + b.Bias, a.Dropped + b.Dropped, a.Constants + b.Constants);

    public static Account operator /(Account a, double by) => new(a.Start / by, a.Input / by, a.Bias / by, a.Dropped / by, a.Constants / by);
}
