namespace Backtrace.Gpu.Targets;

/// <summary>Logarithms of the probabilities that logits stand for.</summary>
internal static class Logarithms
{
    /// <summary>Those of the softmax over <paramref name="count"/> entries from <paramref name="first"/>, <paramref name="stride"/> apart.</summary>
    public static void OfSoftmax(Span<double> values, int first, int stride, int count)
    {
        double largest = double.NegativeInfinity, sum = 0;
        for (int k = 0; k < count; k++)
            largest = Math.Max(largest, values[first + (k * stride)]);
        for (int k = 0; k < count; k++)
            sum += Math.Exp(values[first + (k * stride)] - largest);
        double logarithm = Math.Log(sum);
        for (int k = 0; k < count; k++)
        {
            ref double value = ref values[first + (k * stride)];
            value = value - largest - logarithm;
        }
    }

    /// <summary>Those of 1 / (1 + exp(−x)) of every entry.</summary>
    public static void OfSigmoid(Span<double> values)
    {
        foreach (ref double value in values)
            value = Math.Min(value, 0) - Math.Log(1 + Math.Exp(-Math.Abs(value)));
    }
}
