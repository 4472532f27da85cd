namespace Backtrace.Gpu.Targets;

internal sealed record CustomTarget(float[] Relevance) : Target
{
    protected override void WriteSample(int n, int samples, ReadOnlySpan<float> output, ReadOnlySpan<long> shape, Span<float> seed)
    {
        if (Relevance.Length == output.Length)
            Relevance.CopyTo(seed);
        else if (Relevance.Length == output.Length * samples)
            Relevance.AsSpan(n * output.Length, output.Length).CopyTo(seed);
        else
            throw new TargetException($"Custom relevance has {Relevance.Length} entries; the output has {output.Length} per sample, {output.Length * samples} in all.");
        foreach (float value in seed)
        {
            if (!float.IsFinite(value))
                throw new TargetException("Custom relevance contains NaN or infinity.");
        }
    }
}
