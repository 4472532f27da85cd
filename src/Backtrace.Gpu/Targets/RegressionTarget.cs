namespace Backtrace.Gpu.Targets;

internal sealed record RegressionTarget(int? Coordinate) : Target
{
    private protected override string Call => $"Regression({Coordinate})";

    protected override void WriteSample(int n, int samples, ReadOnlySpan<float> output, ReadOnlySpan<long> shape, Span<float> seed)
    {
        if (Coordinate is { } coordinate)
        {
            int index = Checked(coordinate, output.Length, "Coordinate");
            seed[index] = ScalerOr(MathF.Abs(output[index]));
            return;
        }

        for (int k = 0; k < output.Length; k++)
            seed[k] = Scaler is { } scaler ? (float)(scaler / output.Length) : MathF.Abs(output[k]);
    }

    private protected override bool HasProbabilities => false;
}
