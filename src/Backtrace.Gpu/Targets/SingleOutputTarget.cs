namespace Backtrace.Gpu.Targets;

internal sealed record SingleOutputTarget(bool Signed) : Target
{
    protected override void WriteSample(int n, int samples, ReadOnlySpan<float> output, ReadOnlySpan<long> shape, Span<float> seed)
    {
        if (output.Length != 1)
            throw new TargetException($"SingleOutput needs one output per sample, not {output.Length}. Use Argmax or Class.");
        float value = ScalerOr(MathF.Abs(output[0]));
        seed[0] = Signed && output[0] < 0 ? -value : value;
    }
}
