namespace Backtrace.Gpu.Tests.Support;

/// <summary>How far a result is from what was expected.</summary>
internal static class Deviation
{
    /// <summary>max|a−b| / max|b|, or max|a−b| if all of b is zero; infinite if a has NaN.</summary>
    internal static double Of(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected)
    {
        double difference = 0, scale = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            if (float.IsNaN(actual[i]))
                return double.PositiveInfinity;
            difference = Math.Max(difference, Math.Abs((double)actual[i] - expected[i]));
            scale = Math.Max(scale, Math.Abs((double)expected[i]));
        }

        return scale == 0 ? difference : difference / scale;
    }
}
