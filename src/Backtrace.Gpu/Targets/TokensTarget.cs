namespace Backtrace.Gpu.Targets;

internal sealed record TokensTarget(int[][] Ids) : Target
{
    private protected override string Call => $"Tokens({string.Join("; ", Ids.Select(ids => string.Join(", ", ids)))})";

    protected override void WriteSample(int n, int samples, ReadOnlySpan<float> output, ReadOnlySpan<long> shape, Span<float> seed)
    {
        if (shape.Length != 2 || Ids.Length != samples || Ids[n].Length != shape[0])
            throw new TargetException("Tokens needs an output [N, T, V] and T token ids for each of the N samples.");
        int length = (int)shape[0], vocabulary = (int)shape[1];
        for (int t = 0; t < length; t++)
        {
            int at = (t * vocabulary) + Checked(Ids[n][t], vocabulary, "Token");
            seed[at] = Scaler is { } scaler ? (float)(scaler / length) : output[at];
        }
    }

    private protected override void ToLogarithms(Span<double> logits, ReadOnlySpan<long> shape)
    {
        int vocabulary = (int)shape[^1];
        for (int first = 0; first < logits.Length; first += vocabulary)
            Logarithms.OfSoftmax(logits, first, 1, vocabulary);
    }
}
