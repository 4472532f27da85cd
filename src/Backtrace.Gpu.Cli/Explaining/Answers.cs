using Backtrace.Gpu.Models;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Puts a model's answers and their relevance together.</summary>
internal static class Answers
{
    /// <summary>Of a vocabulary, only the most likely tokens are kept.</summary>
    internal const int Alternatives = 5;

    /// <summary>One per sample of a classifier's batch.</summary>
    internal static Explained[] OfClassifier(Explanation explanation, TargetChoice target, Architecture architecture)
    {
        int samples = (int)explanation.Prediction.shape[0];
        float[] outputs = explanation.Prediction.data<float>().ToArray();
        return Each(explanation, samples, (n, flow, opposing) =>
        {
            Score[] own = Score.All(Part(outputs, n, samples), architecture);
            return new Explained(Largest(own), target.Of(own), own, flow, opposing);
        });
    }

    /// <summary>One per picture of a segmentation.</summary>
    internal static Explained[] OfSegmentation(Explanation explanation, int channel)
    {
        int samples = (int)explanation.Prediction.shape[0];
        return Each(explanation, samples, (n, flow, opposing) =>
        {
            int[] classes = Segments.ClassOfPixels(explanation.Prediction, n);
            float[] counts = new float[explanation.Prediction.shape[1]];
            foreach (int c in classes)
                counts[c]++;
            Score[] shares = [.. counts.Select((count, c) => new Score(c, count, (double)count / classes.Length))];
            return new Explained(Largest(shares), shares[channel], shares, flow, opposing) { Mask = [.. classes.Select(c => c == channel)] };
        });
    }

    /// <summary>One token at one of the answered positions of one text.</summary>
    internal static Explained OfToken(Explanation explanation, int position, TargetChoice token, Architecture architecture)
    {
        using Tensor row = explanation.Prediction[0, position];
        Score[] all = Score.All(row.data<float>().ToArray(), architecture);
        Score[] likely = [.. all.OrderByDescending(score => score.Output).Take(Alternatives)];
        return Each(explanation, 1, (_, flow, opposing) => new Explained(Largest(all), token.Of(all), likely, flow, opposing))[0];
    }

    private static Score Largest(IReadOnlyList<Score> scores) => scores.MaxBy(score => score.Output)!;

    private static Explained[] Each(Explanation explanation, int samples, Func<int, Flow, Flow?, Explained> make)
    {
        Flow[][] flows = [.. explanation.Streams.Select(stream => Flow.Split(stream, samples))];
        return [.. Enumerable.Range(0, samples).Select(n => make(n, flows[0][n], flows.Length == 2 ? flows[1][n] : null))];
    }

    private static float[] Part(float[] all, int n, int samples) => all[(n * (all.Length / samples))..((n + 1) * (all.Length / samples))];
}
