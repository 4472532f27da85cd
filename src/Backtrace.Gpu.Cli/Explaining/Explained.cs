namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>One explained input, ready to be shown.</summary>
/// <param name="Predicted">Position of the most likely class.</param>
/// <param name="Target">Position of the explained class.</param>
/// <param name="Outputs">What the model returned.</param>
/// <param name="Probabilities">The same as probabilities.</param>
/// <param name="Relevance">Relevance of the input, flat.</param>
/// <param name="Account">Where the relevance went.</param>
internal sealed record Explained(int Predicted, int Target, float[] Outputs, double[] Probabilities, float[] Relevance, Account Account);

/// <summary>Where the start relevance of one input, or of several on average, went: start = input + bias + dropped + constants.</summary>
internal readonly record struct Account(double Start, double Input, double Bias, double Dropped, double Constants)
{
    internal static Account Mean(IReadOnlyCollection<Account> all) => new(
        all.Average(a => a.Start), all.Average(a => a.Input), all.Average(a => a.Bias), all.Average(a => a.Dropped), all.Average(a => a.Constants));
}
