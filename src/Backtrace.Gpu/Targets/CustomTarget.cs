using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Targets;

internal sealed record CustomTarget(float[] Supporting, float[]? Opposing) : Target
{
    private protected override string Call => $"Custom({Counted.Of(Supporting.Length, "number")})";

    protected override void WriteSample(int n, int samples, ReadOnlySpan<float> output, ReadOnlySpan<long> shape, Span<float> seed) =>
        Copy(Supporting, n, samples, seed);

    // Without an opposing part: every output that was given no weight.
    private protected override void WriteContrastiveSample(int n, int samples, ReadOnlySpan<float> values, ReadOnlySpan<long> shape, Span<float> positive, Span<float> negative)
    {
        Copy(Supporting, n, samples, positive);
        if (Opposing is not null)
        {
            Copy(Opposing, n, samples, negative);
            return;
        }

        for (int k = 0; k < values.Length; k++)
            negative[k] = positive[k] == 0 ? Math.Max(values[k], 0) : 0;
        if (OpposingTotal(positive) is { } total)
            Normalise(negative, total);
    }

    private protected override double? OpposingTotal(ReadOnlySpan<float> positive)
    {
        if (Opposing is not null || Scaler is null)
            return null;
        double total = 0;
        foreach (float value in positive)
            total += value;
        return total;
    }

    private protected override void ToLogarithms(Span<double> logits, ReadOnlySpan<long> shape) => Logarithms.OfSigmoid(logits);

    private static void Copy(float[] relevance, int n, int samples, Span<float> seed)
    {
        if (relevance.Length == seed.Length)
            relevance.CopyTo(seed);
        else if (relevance.Length == seed.Length * samples)
            relevance.AsSpan(n * seed.Length, seed.Length).CopyTo(seed);
        else
            throw new TargetException($"Custom relevance has {Counted.Of(relevance.Length, "entry", "entries")}; the output has {seed.Length} per sample, {seed.Length * samples} in all.");
    }
}
