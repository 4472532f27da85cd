namespace Backtrace.Gpu.Targets;

/// <summary>The two functions that make probabilities of logits.</summary>
internal static class Softmax
{
    /// <summary>The softmax over <paramref name="count"/> entries from <paramref name="first"/>, <paramref name="stride"/> apart.</summary>
    public static void InPlace(Span<float> values, int first, int stride, int count)
    {
        double largest = double.NegativeInfinity, sum = 0;
        for (int k = 0; k < count; k++)
            largest = Math.Max(largest, values[first + (k * stride)]);
        for (int k = 0; k < count; k++)
            sum += Math.Exp(values[first + (k * stride)] - largest);
        for (int k = 0; k < count; k++)
        {
            ref float value = ref values[first + (k * stride)];
            value = (float)(Math.Exp(value - largest) / sum);
        }
    }

    /// <summary>1 / (1 + exp(−x)) of every entry.</summary>
    public static void SigmoidInPlace(Span<float> values)
    {
        foreach (ref float value in values)
            value = (float)(1 / (1 + Math.Exp(-(double)value)));
    }
}
