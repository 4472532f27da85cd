namespace Backtrace.Gpu.Tests.Engine;

/// <summary>
/// The default rules on one sample of a <see cref="RandomNet"/>, in double precision, unit by unit with every contribution written out
/// (rules.md, B.0.1, B.6, B.8). Nothing is shared with the library.
/// </summary>
internal sealed class SlowReference
{
    private readonly RandomNet net;
    private readonly bool saturation;
    private readonly List<double[]> values = [];

    internal SlowReference(RandomNet net, float[] input, bool saturation)
    {
        this.net = net;
        this.saturation = saturation;
        values.Add([.. input.Select(v => (double)v)]);
        foreach (RandomStep step in net.Steps)
            values.Add(Compute(step));
    }

    /// <summary>Relevance of the input.</summary>
    internal double[] Explain(float[] seed)
    {
        double[][] relevance = [.. values.Select(v => new double[v.Length])];
        relevance[^1] = [.. seed.Select(v => (double)v)];
        for (int k = net.Steps.Count - 1; k >= 0; k--)
            HandOn(net.Steps[k], k, relevance);
        return relevance[0];
    }

    /// <summary>Distance of the pre-activations from the limits of the saturation tests: near them fp32 may decide otherwise.</summary>
    internal double Margin() => net.Steps.Select((s, k) => values[k + 1].Min(t => Limit(k) == 0 ? 1 : Math.Abs(Math.Abs(t) - Limit(k)))).Min();

    private double[] Compute(RandomStep step)
    {
        double[] a = values[step.From[0]], b = values[step.From[^1]];
        return step.Kind switch
        {
            "linear" or "cat" => [.. Units(step).Select(u => u.Contributions.Sum() + u.Bias)],
            "relu" => [.. a.Select(v => Math.Max(v, 0))],
            "tanh" => [.. a.Select(Math.Tanh)],
            "sigmoid" => [.. a.Select(v => 1 / (1 + Math.Exp(-v)))],
            "add" => [.. a.Zip(b, (x, y) => x + y)],
            "sub" => [.. a.Zip(b, (x, y) => x - y)],
            _ => [.. a.Zip(b, (x, y) => x * y)],
        };
    }

    private IEnumerable<(double[] Contributions, double Bias)> Units(RandomStep step)
    {
        double[] x = step.Kind == "cat" ? [.. values[step.From[0]], .. values[step.From[1]]] : values[step.From[0]];
        for (int j = 0; j < step.Weight.Length / x.Length; j++)
            yield return ([.. x.Select((v, i) => v * step.Weight[(j * x.Length) + i])], step.Bias.Length == 0 ? 0 : step.Bias[j]);
    }

    private void HandOn(RandomStep step, int k, double[][] relevance)
    {
        double[] arrived = relevance[k + 1], first = relevance[step.From[0]], second = relevance[step.From[^1]];
        if (step.Kind is "linear" or "cat")
        {
            int j = 0;
            foreach ((double[] z, double bias) in Units(step))
            {
                double[] share = Unit(z, bias, arrived[j++], Limit(k));
                for (int i = 0; i < share.Length; i++)
                    (i < first.Length ? first : second)[i % first.Length] += share[i];
            }

            return;
        }

        for (int i = 0; i < arrived.Length; i++)
        {
            double a = Math.Abs(values[step.From[0]][i]), b = Math.Abs(values[step.From[^1]][i]);
            double part = step.Kind is "add" or "sub" ? (a + b == 0 ? 0 : a / (a + b)) : step.Kind == "mul" ? 0.5 : 1;
            first[i] += arrived[i] * part;
            if (step.From.Length == 2)
                second[i] += step.Kind != "mul" && a + b == 0 ? 0 : arrived[i] * (1 - part);
        }
    }

    private static double[] Unit(double[] z, double bias, double relevance, double limit)
    {
        double t = z.Sum() + bias;
        double positive = limit > 0 && t < -limit ? 0 : 1, negative = limit > 0 && t > limit ? 0 : 1;
        double d = z.Sum(v => v > 0 ? positive * v : -negative * v) + Math.Abs(bias);
        return [.. z.Select(v => d == 0 ? 0 : relevance * (v > 0 ? positive * v : -negative * v) / d)];
    }

    // The activation that alone consumes a dense layer.
    private double Limit(int k)
    {
        if (!saturation || net.Steps[k].Kind is not ("linear" or "cat"))
            return 0;
        RandomStep[] users = [.. net.Steps.Where(s => s.From.Contains(k + 1))];
        return users is not [{ From.Length: 1 } only] ? 0 : only.Kind switch { "tanh" => 2, "sigmoid" => 4, _ => 0 };
    }
}
