namespace Backtrace.Gpu.Models.Training;

/// <summary>How well scores separate two classes; class 1 is the one to be found.</summary>
/// <param name="Accuracy">Share of rows on the right side of 0.</param>
/// <param name="BalancedAccuracy">Mean of the two classes' accuracies: 0.5 for a constant answer however rare a class is.</param>
/// <param name="Auc">Probability that a random row of class 1 scores higher than one of class 0, ties counted half.</param>
public sealed record BinaryMetrics(double Accuracy, double BalancedAccuracy, double Auc)
{
    /// <summary>Computes the metrics.</summary>
    /// <param name="scores">Score of each row for class 1; positive predicts class 1.</param>
    /// <param name="labels">0 or 1 for each row; both must occur.</param>
    /// <exception cref="ArgumentException">Different lengths, or only one class.</exception>
    public static BinaryMetrics Compute(ReadOnlySpan<float> scores, ReadOnlySpan<int> labels)
    {
        if (scores.Length != labels.Length)
            throw new ArgumentException("One score per label is needed.", nameof(scores));
        Span<double> rows = stackalloc double[2], right = stackalloc double[2];
        for (int i = 0; i < labels.Length; i++)
        {
            rows[labels[i]]++;
            right[labels[i]] += (scores[i] > 0) == (labels[i] == 1) ? 1 : 0;
        }
        if (rows[0] == 0 || rows[1] == 0)
            throw new ArgumentException("Both classes must occur.", nameof(labels));
        double rankSum = PositiveRanks(scores, labels);
        double auc = (rankSum - rows[1] * (rows[1] + 1) / 2) / (rows[0] * rows[1]);
        return new BinaryMetrics((right[0] + right[1]) / labels.Length, (right[0] / rows[0] + right[1] / rows[1]) / 2, auc);
    }

    // Equal scores share the mean of their ranks.
    private static double PositiveRanks(ReadOnlySpan<float> scores, ReadOnlySpan<int> labels)
    {
        float[] sorted = scores.ToArray();
        int[] order = [.. Enumerable.Range(0, sorted.Length)];
        Array.Sort(sorted, order);
        double sum = 0;
        for (int begin = 0; begin < sorted.Length;)
        {
            int end = begin + 1;
            while (end < sorted.Length && sorted[end] == sorted[begin])
                end++;
            for (int i = begin; i < end; i++)
                sum += labels[order[i]] * (begin + 1 + end) / 2.0;
            begin = end;
        }
        return sum;
    }
}
