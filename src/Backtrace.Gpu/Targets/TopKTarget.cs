using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Targets;

internal sealed record TopKTarget(int Count) : Target
{
    private int[]? Chosen { get; init; }

    private protected override string Call => $"TopK({Count})";

    protected override void WriteSample(int n, int samples, ReadOnlySpan<float> output, ReadOnlySpan<long> shape, Span<float> seed)
    {
        foreach (int index in Chosen ?? Largest(output))
            seed[index] = Scaler is { } scaler ? (float)(scaler / Count) : output[index];
    }

    private protected override Target Settled(ReadOnlySpan<float> logits, ReadOnlySpan<float> probabilities) => this with { Chosen = Largest(logits) };

    private int[] Largest(ReadOnlySpan<float> output)
    {
        if (Count < 1 || Count > output.Length)
            throw new TargetException($"TopK({Count}) needs 1 to {Counted.Of(output.Length, "output")}.");
        float[] values = output.ToArray();
        return [.. Enumerable.Range(0, values.Length).OrderByDescending(k => values[k]).Take(Count)];
    }

    private protected override void ToLogarithms(Span<double> logits, ReadOnlySpan<long> shape) => Logarithms.OfSigmoid(logits);
}
