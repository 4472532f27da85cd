namespace Backtrace.Gpu.Targets;

internal sealed record ClassTarget(int[] Index) : Target
{
    private protected override string Call => Index.Length == 0 ? "Argmax()" : $"Class({string.Join(", ", Index)})";

    protected override void WriteSample(int n, int samples, ReadOnlySpan<float> output, ReadOnlySpan<long> shape, Span<float> seed)
    {
        int index = Index.Length == 0 ? LargestOf(output) : Checked(PerSample(Index, n, samples, "classes"), output.Length, "Class");
        seed[index] = ScalerOr(output[index]);
    }

    private protected override Target Settled(ReadOnlySpan<float> logits, ReadOnlySpan<float> probabilities) =>
        Index.Length == 0 && LargestBeforeTies(logits, probabilities) is { } largest ? this with { Index = [largest] } : this;
}
