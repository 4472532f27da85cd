namespace Backtrace.Gpu.Targets;

internal sealed record SegmentationClassTarget(int Channel) : Target
{
    // Logits that settle which channel is largest, where the output is made of probabilities by now.
    private float[]? Deciding { get; init; }

    private protected override string Call => $"SegmentationClass({Channel})";

    protected override void WriteSample(int n, int samples, ReadOnlySpan<float> output, ReadOnlySpan<long> shape, Span<float> seed)
    {
        if (shape.Length < 2)
            throw new TargetException("SegmentationClass needs an output [N, C, ...] with at least one spatial axis.");
        int channels = (int)shape[0];
        int pixels = output.Length / channels;
        int channel = Checked(Channel, channels, "Channel");
        ReadOnlySpan<float> deciding = Deciding is null ? output : Deciding;
        int count = 0;
        for (int p = 0; p < pixels; p++)
            count += Largest(deciding, channels, pixels, p) == channel ? 1 : 0;
        for (int p = 0; p < pixels; p++)
        {
            int at = (channel * pixels) + p;
            if (Largest(deciding, channels, pixels, p) == channel)
                seed[at] = Scaler is { } scaler ? (float)(scaler / count) : output[at];
        }
    }

    private static int Largest(ReadOnlySpan<float> output, int channels, int pixels, int pixel)
    {
        int best = 0;
        for (int c = 1; c < channels; c++)
        {
            if (output[(c * pixels) + pixel] > output[(best * pixels) + pixel])
                best = c;
        }

        return best;
    }

    private protected override Target Settled(ReadOnlySpan<float> logits, ReadOnlySpan<float> probabilities) => this with { Deciding = logits.ToArray() };

    private protected override void ToLogarithms(Span<double> logits, ReadOnlySpan<long> shape)
    {
        int pixels = logits.Length / (int)shape[0];
        for (int p = 0; p < pixels; p++)
            Logarithms.OfSoftmax(logits, p, pixels, (int)shape[0]);
    }
}
