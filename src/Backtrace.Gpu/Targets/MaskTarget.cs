namespace Backtrace.Gpu.Targets;

internal sealed record MaskTarget(double Threshold, bool Logits) : Target
{
    private protected override string Call => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"Mask({Threshold}{(Logits ? ", logits" : "")})");

    protected override void WriteSample(int n, int samples, ReadOnlySpan<float> output, ReadOnlySpan<long> shape, Span<float> seed)
    {
        if (shape is [> 1, _, _])
            throw new TargetException($"{Call} needs one channel, [N, 1, H, W], not {shape[0]}. Use SegmentationClass.");
        int count = 0;
        foreach (float value in output)
            count += IsInside(value) ? 1 : 0;
        for (int k = 0; k < output.Length; k++)
        {
            if (IsInside(output[k]))
                seed[k] = Scaler is { } scaler ? (float)(scaler / count) : output[k];
        }
    }

    private bool IsInside(float value) => (Logits ? 1 / (1 + Math.Exp(-value)) : value) > Threshold;

    private protected override void WriteContrastiveSample(int n, int samples, ReadOnlySpan<float> values, ReadOnlySpan<long> shape, Span<float> positive, Span<float> negative)
    {
        // The values are probabilities by now.
        if (Logits)
            (this with { Logits = false }).WriteContrastiveSample(n, samples, values, shape, positive, negative);
        else
            base.WriteContrastiveSample(n, samples, values, shape, positive, negative);
    }

    private protected override void ToLogarithms(Span<double> logits, ReadOnlySpan<long> shape) => Logarithms.OfSigmoid(logits);
}
