namespace Backtrace.Gpu.Targets;

internal sealed record NextTokenTarget(int[]? Ids, int[]? Positions) : Target
{
    protected override void WriteSample(int n, int samples, ReadOnlySpan<float> output, ReadOnlySpan<long> shape, Span<float> seed)
    {
        if (shape.Length != 2)
            throw new TargetException("NextToken needs an output [N, T, V].");
        int length = (int)shape[0], vocabulary = (int)shape[1];
        int position = Position(n, samples, length);
        ReadOnlySpan<float> logits = output.Slice(position * vocabulary, vocabulary);
        int token = Ids is null ? LargestOf(logits) : Checked(PerSample(Ids, n, samples, "tokens"), vocabulary, "Token");
        seed[(position * vocabulary) + token] = ScalerOr(logits[token]);
    }

    private protected override bool TakesPart(int n, int samples, int index, ReadOnlySpan<long> shape) => index / (int)shape[1] == Position(n, samples, (int)shape[0]);

    private protected override void ToProbabilities(Span<float> logits, ReadOnlySpan<long> shape)
    {
        int vocabulary = (int)shape[^1];
        for (int first = 0; first < logits.Length; first += vocabulary)
            Softmax.InPlace(logits, first, 1, vocabulary);
    }

    private int Position(int n, int samples, int length) =>
        Positions is null ? length - 1 : Checked(PerSample(Positions, n, samples, "positions"), length, "Position");
}
