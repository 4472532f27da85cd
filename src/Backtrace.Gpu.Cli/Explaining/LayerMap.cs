using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Relevance at the output of one layer for one input, as a picture can show it.</summary>
/// <param name="Name">The layer.</param>
/// <param name="Width">Width of the map.</param>
/// <param name="Height">Height of the map.</param>
/// <param name="Values">Row by row: channels added up where there are pixels, features where there are tokens; else the units, the last row filled with zeros.</param>
/// <param name="Positive">Sum of the relevance above zero.</param>
/// <param name="Negative">Sum of the relevance below zero, with its sign.</param>
internal sealed record LayerMap(string Name, int Width, int Height, float[] Values, double Positive, double Negative)
{
    /// <summary>The part of one sample, divided by <paramref name="unit"/>. A tensor whose first axis is not the batch is shown whole.</summary>
    internal static LayerMap Of(string name, Tensor relevance, int sample, int samples, float unit)
    {
        using Tensor part = relevance.shape.Length > 0 && relevance.shape[0] == samples ? relevance[sample] : relevance.alias();
        long[] shape = part.shape;
        float[] own = Array.ConvertAll(part.data<float>().ToArray(), value => value / unit);
        double positive = 0, negative = 0;
        foreach (float value in own)
            (positive, negative) = (positive + Math.Max(value, 0), negative + Math.Min(value, 0));
        (int width, int height, float[] values) = Flatten(own, shape);
        return new LayerMap(name, width, height, values, positive, negative);
    }

    private static (int Width, int Height, float[] Values) Flatten(ReadOnlySpan<float> own, long[] shape)
    {
        float[] values;
        switch (shape.Length)
        {
            case 3: // [channels, height, width]
                values = new float[shape[1] * shape[2]];
                for (int k = 0; k < own.Length; k++)
                    values[k % values.Length] += own[k];
                return ((int)shape[2], (int)shape[1], values);
            case 2: // [tokens, features]
                values = new float[shape[0]];
                for (int k = 0; k < own.Length; k++)
                    values[k / (int)shape[1]] += own[k];
                return (values.Length, 1, values);
            default:
                int width = (int)Math.Ceiling(Math.Sqrt(own.Length)), height = (own.Length + width - 1) / Math.Max(width, 1);
                values = new float[width * height];
                own.CopyTo(values);
                return (width, height, values);
        }
    }
}
