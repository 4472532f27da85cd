namespace Backtrace.Gpu.Targets;

internal sealed record NextTokenTarget(int[]? Ids, int[]? Positions) : Target
{
    private protected override string Call => $"NextToken({(Ids is null ? "largest" : string.Join(", ", Ids))} at {(Positions is null ? "last" : string.Join(", ", Positions))})";

    protected override void WriteSample(int n, int samples, ReadOnlySpan<float> output, ReadOnlySpan<long> shape, Span<float> seed)
    {
        (int first, int count) = Part(n, samples, shape);
        WritePart(n, samples, output.Slice(first, count), shape, seed.Slice(first, count));
    }

    // One position, whose logits are those of the vocabulary.
    private protected override (int First, int Count) Part(int n, int samples, ReadOnlySpan<long> shape)
    {
        if (shape.Length != 2)
            throw new TargetException("NextToken needs an output [N, T, V].");
        int length = (int)shape[0], vocabulary = (int)shape[1];
        int position = Positions is null ? length - 1 : Checked(PerSample(Positions, n, samples, "positions"), length, "Position");
        return (position * vocabulary, vocabulary);
    }

    private protected override void WritePart(int n, int samples, ReadOnlySpan<float> output, ReadOnlySpan<long> shape, Span<float> seed)
    {
        int token = Ids is null ? LargestOf(output) : Checked(PerSample(Ids, n, samples, "tokens"), output.Length, "Token");
        seed[token] = ScalerOr(output[token]);
    }

    private protected override Target Settled(ReadOnlySpan<float> logits, ReadOnlySpan<float> probabilities) =>
        Ids is null && LargestBeforeTies(logits, probabilities) is { } largest ? this with { Ids = [largest] } : this;
}
