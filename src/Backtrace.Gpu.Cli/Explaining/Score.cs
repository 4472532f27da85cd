using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>What a model said of one class or token.</summary>
/// <param name="Index">Position of the class; number of the token.</param>
/// <param name="Output">What the model returned; of a segmentation, how many pixels are of the class.</param>
/// <param name="Probability">The same as a probability or as a share of the pixels; null of a model that returns values.</param>
internal sealed record Score(int Index, float Output, double? Probability)
{
    /// <summary>The output for JSON, which has no −∞: null of a class that the model excludes.</summary>
    internal float? Known => float.IsFinite(Output) ? Output : null;

    /// <summary>One per output, in their order.</summary>
    /// <exception cref="ModelException">All outputs are −∞.</exception>
    internal static Score[] All(ReadOnlySpan<float> outputs, Architecture architecture)
    {
        double[]? probabilities = Probabilities.Of(outputs, architecture);
        Score[] scores = new Score[outputs.Length];
        for (int k = 0; k < scores.Length; k++)
            scores[k] = new Score(k, outputs[k], probabilities?[k]);
        return scores;
    }
}
