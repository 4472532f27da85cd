using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>What a model said of one class or token.</summary>
/// <param name="Index">Position of the class or token.</param>
/// <param name="Output">What the model returned; of a segmentation, how many pixels are of the class.</param>
/// <param name="Probability">The same as a probability or as a share of the pixels.</param>
internal readonly record struct Score(int Index, float Output, double Probability)
{
    /// <summary>Of all outputs, in their order.</summary>
    internal static Score[] Of(float[] outputs, Architecture architecture) => All(outputs, Probabilities.Of(outputs, architecture));

    /// <summary>Pixels of each class, as numbers and as shares.</summary>
    internal static Score[] OfPixels(float[] counts)
    {
        double pixels = counts.Sum(count => (double)count);
        return All(counts, [.. counts.Select(count => count / pixels)]);
    }

    /// <summary>The likeliest ones and one that is needed anyway: a vocabulary for each of many tokens would fill the memory.</summary>
    internal static Score[] Likeliest(float[] logits, int count, int needed, Architecture architecture)
    {
        Score[] all = Of(logits, architecture);
        Score[] first = [.. all.OrderByDescending(score => score.Output).Take(count)];
        return first.Any(score => score.Index == needed) ? first : [.. first, all[needed]];
    }

    private static Score[] All(float[] outputs, double[] probabilities) => [.. outputs.Select((output, k) => new Score(k, output, probabilities[k]))];
}
