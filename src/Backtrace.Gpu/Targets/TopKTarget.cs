using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Targets;

internal sealed record TopKTarget(int Count) : Target
{
    private protected override string Call => $"TopK({Count})";

    protected override void WriteSample(int n, int samples, ReadOnlySpan<float> output, ReadOnlySpan<long> shape, Span<float> seed)
    {
        if (Count < 1 || Count > output.Length)
            throw new TargetException($"TopK({Count}) needs 1 to {Counted.Of(output.Length, "output")}.");
        float[] values = output.ToArray();
        foreach (int index in Enumerable.Range(0, values.Length).OrderByDescending(k => values[k]).Take(Count))
            seed[index] = Scaler is { } scaler ? (float)(scaler / Count) : values[index];
    }

    private protected override void ToProbabilities(Span<float> logits, ReadOnlySpan<long> shape) => Softmax.SigmoidInPlace(logits);
}
