using Backtrace.Gpu.Kernels.Indexing;

namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>How an upsampling layer reads its input.</summary>
public enum UpsampleMode
{
    /// <summary>One entry, rounding down.</summary>
    Nearest,

    /// <summary>One entry, from the centre of the pixel.</summary>
    NearestExact,

    /// <summary>Two entries per axis.</summary>
    Linear,

    /// <summary>Four entries per axis.</summary>
    Cubic,
}

/// <summary>The weights of interpolation along one axis, with torch's index arithmetic in single precision.</summary>
internal static class Interpolation
{
    /// <summary>The matrix [outputs, inputs].</summary>
    /// <param name="mode">Kind of interpolation.</param>
    /// <param name="inputs">Length of the input's axis.</param>
    /// <param name="outputs">Length of the output's axis.</param>
    /// <param name="alignCorners">The corners of both grids coincide.</param>
    /// <param name="factor">The scale factor if the user gave one and torch was not told to recompute it.</param>
    public static AxisTable Table(UpsampleMode mode, int inputs, int outputs, bool alignCorners, double? factor)
    {
        List<AxisEntry> entries = [];
        float scale = Scale(inputs, outputs, mode is UpsampleMode.Linear or UpsampleMode.Cubic && alignCorners, factor);
        for (int o = 0; o < outputs; o++)
        {
            switch (mode)
            {
                case UpsampleMode.Nearest:
                    entries.Add(new AxisEntry(o, Math.Min((int)MathF.Floor(o * scale), inputs - 1), 1));
                    break;
                case UpsampleMode.NearestExact:
                    entries.Add(new AxisEntry(o, Math.Min((int)MathF.Floor((o + 0.5f) * scale), inputs - 1), 1));
                    break;
                case UpsampleMode.Linear:
                    Linear(entries, o, inputs, inputs == outputs ? o : Position(o, scale, alignCorners, clamp: true));
                    break;
                default:
                    Cubic(entries, o, inputs, Position(o, scale, alignCorners, clamp: false));
                    break;
            }
        }

        return new AxisTable(outputs, inputs, entries);
    }

    private static float Scale(int inputs, int outputs, bool alignCorners, double? factor)
    {
        if (alignCorners)
            return outputs > 1 ? (float)(inputs - 1) / (outputs - 1) : 0;
        return factor > 0 ? (float)(1 / factor.Value) : (float)inputs / outputs;
    }

    private static float Position(int output, float scale, bool alignCorners, bool clamp)
    {
        if (alignCorners)
            return scale * output;
        float position = scale * (output + 0.5f) - 0.5f;
        return clamp && position < 0 ? 0 : position;
    }

    private static void Linear(List<AxisEntry> entries, int output, int inputs, float position)
    {
        int first = Math.Min((int)MathF.Floor(position), inputs - 1);
        float second = Math.Clamp(position - first, 0, 1);
        entries.Add(new AxisEntry(output, first, 1 - second));
        if (second > 0)
            entries.Add(new AxisEntry(output, Math.Min(first + 1, inputs - 1), second));
    }

    private static void Cubic(List<AxisEntry> entries, int output, int inputs, float position)
    {
        int first = Math.Min((int)MathF.Floor(position), inputs - 1);
        float t = Math.Clamp(position - first, 0, 1);
        ReadOnlySpan<float> weights = [Far(1 + t), Near(t), Near(1 - t), Far(2 - t)];
        for (int k = 0; k < 4; k++)
            entries.Add(new AxisEntry(output, Math.Clamp(first - 1 + k, 0, inputs - 1), weights[k]));
    }

    private const float Sharpness = -0.75f;

    private static float Near(float x) => (((Sharpness + 2) * x) - (Sharpness + 3)) * x * x + 1;

    private static float Far(float x) => ((Sharpness * x - 5 * Sharpness) * x + 8 * Sharpness) * x - 4 * Sharpness;
}
