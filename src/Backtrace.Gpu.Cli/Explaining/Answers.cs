using Backtrace.Gpu.Models;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Puts a model's answers and their relevance together.</summary>
internal static class Answers
{
    /// <summary>One per sample of a classifier's batch.</summary>
    internal static Explained[] OfClassifier(Explanation explanation, TargetChoice target, Architecture architecture)
    {
        int samples = (int)explanation.Prediction.shape[0];
        float[] outputs = explanation.Prediction.data<float>().ToArray();
        return Each(explanation, samples, (n, flow, opposing) =>
        {
            float[] own = Part(outputs, n, samples);
            int predicted = Largest(own);
            return new Explained(predicted, target.Class ?? predicted, own, Probabilities.Of(own, architecture), flow, opposing);
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
            double[] shares = [.. counts.Select(count => (double)count / classes.Length)];
            return new Explained(Largest(counts), channel, counts, shares, flow, opposing) { Mask = [.. classes.Select(c => c == channel)] };
        });
    }

    /// <summary>One token at one position of one text; null for the most likely one.</summary>
    internal static Explained OfToken(Explanation explanation, int position, int? token, Architecture architecture)
    {
        using Tensor row = explanation.Prediction[0, position];
        float[] logits = row.data<float>().ToArray();
        int predicted = Largest(logits);
        return Each(explanation, 1, (_, flow, opposing) => new Explained(predicted, token ?? predicted, logits, Probabilities.Of(logits, architecture), flow, opposing))[0];
    }

    internal static int Largest(float[] values) => values.AsSpan().IndexOf(values.Max());

    private static Explained[] Each(Explanation explanation, int samples, Func<int, Flow, Flow?, Explained> make)
    {
        Flow[][] flows = [.. explanation.Streams.Select(stream => Flow.Split(stream, samples))];
        return [.. Enumerable.Range(0, samples).Select(n => make(n, flows[0][n], flows.Length == 2 ? flows[1][n] : null))];
    }

    private static float[] Part(float[] all, int n, int samples) => all[(n * (all.Length / samples))..((n + 1) * (all.Length / samples))];
}
