using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Models;

/// <summary>The layers of BERT's relatives in float64 loops, for one text: [T][width].</summary>
internal sealed class SlowEncoder(nn.Module network, double epsilon)
{
    private readonly Dictionary<string, (double[] Values, long[] Shape)> weights = network.state_dict().ToDictionary(
        w => w.Key, w => (w.Value.to(float64).contiguous().data<double>().ToArray(), w.Value.shape));

    internal double[][] Rows(string name, IEnumerable<long> rows) => [.. rows.Select(row => Row(name, row))];

    internal double[][] Linear(double[][] x, string name)
    {
        (double[] weight, long[] shape) = weights[name + ".weight"];
        double[] bias = weights[name + ".bias"].Values;
        return [.. x.Select(row => Enumerable.Range(0, (int)shape[0]).Select(j => bias[j] + row.Select((v, i) => v * weight[j * shape[1] + i]).Sum()).ToArray())];
    }

    internal double[][] Norm(double[][] x, string name)
    {
        double[] weight = weights[name + ".weight"].Values, bias = weights[name + ".bias"].Values;
        return [.. x.Select(row =>
        {
            double mean = row.Average(), deviation = Math.Sqrt(row.Average(v => (v - mean) * (v - mean)) + epsilon);
            return row.Select((v, i) => (v - mean) / deviation * weight[i] + bias[i]).ToArray();
        })];
    }

    /// <summary>Queries see the first keys only.</summary>
    internal static double[][] Attention(double[][] q, double[][] k, double[][] v, int heads, int seen)
    {
        int width = q[0].Length / heads;
        double[][] result = [.. q.Select(row => new double[row.Length])];
        for (int h = 0; h < heads; h++)
        {
            for (int t = 0; t < q.Length; t++)
            {
                double[] scores = new double[seen];
                for (int s = 0; s < seen; s++)
                    scores[s] = Math.Exp(Enumerable.Range(h * width, width).Sum(c => q[t][c] * k[s][c]) / Math.Sqrt(width));
                for (int c = h * width; c < (h + 1) * width; c++)
                    result[t][c] = Enumerable.Range(0, seen).Sum(s => scores[s] * v[s][c]) / scores.Sum();
            }
        }

        return result;
    }

    internal static double[][] Add(double[][] a, double[][] b) => [.. a.Zip(b, (x, y) => x.Zip(y, (u, w) => u + w).ToArray())];

    internal static double[][] Gelu(double[][] x) => Map(x, v => 0.5 * v * (1 + Erf(v / Math.Sqrt(2))));

    internal static double[][] Map(double[][] x, Func<double, double> f) => [.. x.Select(row => row.Select(f).ToArray())];

    private double[] Row(string name, long row)
    {
        (double[] values, long[] shape) = weights[name];
        return values[(int)(row * shape[1])..(int)((row + 1) * shape[1])];
    }

    // Σ (-1)^n x^(2n+1) / (n! (2n+1)) · 2/√π; good to many digits for the small arguments of tests.
    private static double Erf(double x)
    {
        double power = x, sum = x;
        for (int n = 1; n < 60; n++)
        {
            power *= -x * x / n;
            sum += power / (2 * n + 1);
        }

        return 2 / Math.Sqrt(Math.PI) * sum;
    }
}
