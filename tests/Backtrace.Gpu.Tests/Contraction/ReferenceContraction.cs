using Backtrace.Gpu.Kernels.Contraction;

namespace Backtrace.Gpu.Tests.Contraction;

/// <summary>Contractions as their definitions say, in double precision: the yardstick for every backend.</summary>
internal static class ReferenceContraction
{
    /// <summary>The part of an entry that an operand stands for.</summary>
    public static float Of(Part part, float value) => part switch
    {
        Part.Absolute => Math.Abs(value),
        Part.Positive => Math.Max(value, 0),
        Part.Negative => Math.Max(-value, 0),
        _ => value,
    };

    public static double[] Linear(LinearShape s, double[] x, double[] w, double[]? bias)
    {
        var y = new double[s.Rows * s.Outputs];
        for (int n = 0; n < s.Rows; n++)
            for (int j = 0; j < s.Outputs; j++)
            {
                double sum = bias?[j] ?? 0;
                for (int i = 0; i < s.Inputs; i++)
                    sum += x[n * s.Inputs + i] * w[j * s.Inputs + i];
                y[n * s.Outputs + j] = sum;
            }

        return y;
    }

    public static double[] LinearTransposed(LinearShape s, double[] y, double[] w)
    {
        var x = new double[s.Rows * s.Inputs];
        for (int n = 0; n < s.Rows; n++)
            for (int j = 0; j < s.Outputs; j++)
                for (int i = 0; i < s.Inputs; i++)
                    x[n * s.Inputs + i] += y[n * s.Outputs + j] * w[j * s.Inputs + i];
        return x;
    }

    public static double[] Convolution(ConvolutionShape s, double[] x, double[] w, double[]? bias)
    {
        var y = new double[s.Batch * s.OutChannels * s.Output.Volume];
        for (int i = 0; i < y.Length; i++)
            y[i] = bias?[i / s.Output.Volume % s.OutChannels] ?? 0;
        Visit(s, (ix, iw, iy) => y[iy] += x[ix] * w[iw]);
        return y;
    }

    public static double[] ConvolutionTransposed(ConvolutionShape s, double[] y, double[] w, double[]? bias)
    {
        var x = new double[s.Batch * s.InChannels * s.Input.Volume];
        for (int i = 0; i < x.Length; i++)
            x[i] = bias?[i / s.Input.Volume % s.InChannels] ?? 0;
        Visit(s, (ix, iw, iy) => x[ix] += y[iy] * w[iw]);
        return x;
    }

    /// <param name="s">Sizes.</param>
    /// <param name="a">Entries of A.</param>
    /// <param name="b">Entries of B.</param>
    /// <param name="c">What was in C: entries between the products stay.</param>
    public static double[] Products(ProductShape s, double[] a, double[] b, double[] c)
    {
        double[] result = [.. c];
        for (int n = 0; n < s.Batch; n++)
            for (int i = 0; i < s.Rows; i++)
                for (int j = 0; j < s.Columns; j++)
                {
                    ref double entry = ref result[(n * s.StrideC) + ((long)i * s.Columns) + j];
                    entry = s.Accumulates ? entry : 0;
                    for (int k = 0; k < s.Depth; k++)
                    {
                        double left = a[(n * s.StrideA) + (s.TransposedA ? ((long)k * s.Rows) + i : ((long)i * s.Depth) + k)];
                        entry += left * b[(n * s.StrideB) + (s.TransposedB ? ((long)j * s.Depth) + k : ((long)k * s.Columns) + j)];
                    }
                }

        return result;
    }

    // Calls visit(x, w, y) for every product of a convolution.
    private static void Visit(ConvolutionShape s, Action<int, int, int> visit)
    {
        int ic = s.InChannels / s.Groups, oc = s.OutChannels / s.Groups;
        for (int n = 0; n < s.Batch; n++)
            for (int o = 0; o < s.OutChannels; o++)
                for (int q = 0; q < s.Output.Volume; q++)
                    for (int i = 0; i < ic; i++)
                        for (int r = 0; r < s.Kernel.Volume; r++)
                        {
                            var (qd, qh, qw) = Split(q, s.Output);
                            var (rd, rh, rw) = Split(r, s.Kernel);
                            int d = qd * s.Stride.D + rd * s.Dilation.D - s.Padding.D;
                            int h = qh * s.Stride.H + rh * s.Dilation.H - s.Padding.H;
                            int w = qw * s.Stride.W + rw * s.Dilation.W - s.Padding.W;
                            if (d < 0 || h < 0 || w < 0 || d >= s.Input.D || h >= s.Input.H || w >= s.Input.W)
                                continue;
                            int x = (((n * s.InChannels + o / oc * ic + i) * s.Input.D + d) * s.Input.H + h) * s.Input.W + w;
                            visit(x, (o * ic + i) * s.Kernel.Volume + r, (n * s.OutChannels + o) * s.Output.Volume + q);
                        }
    }

    private static (int D, int H, int W) Split(int index, Size3 size) => (index / (size.H * size.W), index / size.W % size.H, index % size.W);
}
