namespace Backtrace.Gpu.Targets;

internal sealed record SingleOutputTarget(bool Signed) : Target
{
    // 1 − p, where it is known better than from p in fp32: of a confident model, p is 1.
    private float? Opposing { get; init; }

    private protected override string Call => Signed ? "SingleOutput(signed)" : "SingleOutput()";

    protected override void WriteSample(int n, int samples, ReadOnlySpan<float> output, ReadOnlySpan<long> shape, Span<float> seed)
    {
        if (output.Length != 1)
            throw new TargetException($"SingleOutput needs one output per sample, not {output.Length}. Use Argmax or Class.");
        float value = ScalerOr(MathF.Abs(output[0]));
        seed[0] = Signed && output[0] < 0 ? -value : value;
    }

    // Two shares of one decision: streams of equal totals would tie in the first unit.
    private protected override void WriteContrastiveSample(int n, int samples, ReadOnlySpan<float> values, ReadOnlySpan<long> shape, Span<float> positive, Span<float> negative)
    {
        if (values.Length != 1)
            throw new TargetException($"SingleOutput needs one output per sample, not {values.Length}. Use Argmax or Class.");
        positive[0] = ScalerOr(1) * values[0];
        negative[0] = ScalerOr(1) * (Opposing ?? Math.Max(1 - values[0], 0));
    }

    private protected override double? OpposingTotal(ReadOnlySpan<float> positive) => null;

    private protected override Target Settled(ReadOnlySpan<float> logits, ReadOnlySpan<float> probabilities) =>
        this with { Opposing = (float)(1 / (1 + Math.Exp(logits[0]))) };

    private protected override void ToLogarithms(Span<double> logits, ReadOnlySpan<long> shape) => Logarithms.OfSigmoid(logits);
}
