using System.Runtime.Intrinsics;
using ILGPU;

namespace Backtrace.Gpu.Kernels.Execution;

/// <summary>Functions that <c>MathF</c> has and GPUs lack. One source, so all devices agree.</summary>
public static class DeviceMath
{
    /// <summary>eˣ to about an ulp; stops at 1.6e38 and 1.2e-38.</summary>
    public static float Exp(float x)
    {
        x = IntrinsicMath.Min(IntrinsicMath.Max(x, -87.3f), 88f);

        // x = n·ln 2 + r, ln 2 in two parts so that r is exact, and the Taylor series of eʳ for |r| ≤ 0.35.
        float scaled = x * 1.44269504f;
        int n = (int)(scaled + (scaled < 0 ? -0.5f : 0.5f));
        float r = x - n * 0.693359375f + n * 2.12194440e-4f;
        float series = 1 / 5040f;
        series = series * r + 1 / 720f;
        series = series * r + 1 / 120f;
        series = series * r + 1 / 24f;
        series = series * r + 1 / 6f;
        series = series * r + 0.5f;
        series = series * r + 1;
        series = series * r + 1;
        return series * Interop.IntAsFloat((uint)(n + 127) << 23);
    }

    // The same steps on eight numbers. Not for GPUs.
    internal static Vector256<float> Exp(Vector256<float> x)
    {
        x = Vector256.Min(Vector256.Max(x, Vector256.Create(-87.3f)), Vector256.Create(88f));
        Vector256<float> scaled = x * Vector256.Create(1.44269504f), half = Vector256.Create(0.5f);
        Vector256<int> n = Vector256.ConvertToInt32(scaled + Vector256.ConditionalSelect(Vector256.LessThan(scaled, Vector256<float>.Zero), -half, half));
        Vector256<float> whole = Vector256.ConvertToSingle(n);
        Vector256<float> r = x - whole * Vector256.Create(0.693359375f) + whole * Vector256.Create(2.12194440e-4f);
        Vector256<float> series = Vector256.Create(1 / 5040f);
        series = series * r + Vector256.Create(1 / 720f);
        series = series * r + Vector256.Create(1 / 120f);
        series = series * r + Vector256.Create(1 / 24f);
        series = series * r + Vector256.Create(1 / 6f);
        series = series * r + half;
        series = series * r + Vector256<float>.One;
        series = series * r + Vector256<float>.One;
        return series * Vector256.ShiftLeft(n + Vector256.Create(127), 23).AsSingle();
    }

    // Sixteen numbers.
    internal static Vector512<float> Exp(Vector512<float> x) => Vector512.Create(Exp(x.GetLower()), Exp(x.GetUpper()));
}
