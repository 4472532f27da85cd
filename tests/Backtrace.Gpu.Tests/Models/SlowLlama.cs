using Backtrace.Gpu.Models;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Models;

/// <summary>A Llama written out in loops and double precision, for one text.</summary>
internal sealed class SlowLlama
{
    private readonly LlamaConfig config;
    private readonly Dictionary<string, Tensor> weights;

    private SlowLlama(LlamaConfig config, Dictionary<string, Tensor> weights) => (this.config, this.weights) = (config, weights);

    /// <summary>Logits of every position, one after the other.</summary>
    internal static float[] Logits(LlamaConfig config, Dictionary<string, Tensor> weights, long[] ids)
    {
        SlowLlama llama = new(config, weights);
        double[] table = llama.Values("model.embed_tokens.weight");
        int width = config.HiddenSize;
        double[][] x = [.. ids.Select(id => table[(int)(id * width)..(int)((id + 1) * width)])];
        for (int layer = 0; layer < config.Layers; layer++)
            x = llama.Layer($"model.layers.{layer}.", x);
        return [.. x.SelectMany(row => llama.Linear("lm_head", llama.Norm("model.norm", row))).Select(value => (float)value)];
    }

    private double[][] Layer(string name, double[][] x)
    {
        double[][] mixed = Attention(name + "self_attn.", [.. x.Select(row => Norm(name + "input_layernorm", row))]);
        double[][] middle = [.. x.Zip(mixed, Sum)];
        return [.. middle.Select(row => Sum(row, Gated(name + "mlp.", Norm(name + "post_attention_layernorm", row))))];
    }

    private double[][] Attention(string name, double[][] x)
    {
        double[][] q = [.. x.Select((row, t) => Turn(Linear(name + "q_proj", row), t))];
        double[][] k = [.. x.Select((row, t) => Turn(Linear(name + "k_proj", row), t))];
        double[][] v = [.. x.Select(row => Linear(name + "v_proj", row))];
        int size = config.HeadSize, group = config.Heads / config.KeyValueHeads;
        double[][] result = [.. x.Select(_ => new double[config.Heads * size])];
        for (int t = 0; t < x.Length; t++)
        {
            for (int head = 0; head < config.Heads; head++)
            {
                int mine = head * size, shared = head / group * size;
                double[] scores = [.. Enumerable.Range(0, t + 1).Select(s => Math.Exp(Enumerable.Range(0, size).Sum(i => q[t][mine + i] * k[s][shared + i]) / Math.Sqrt(size)))];
                for (int i = 0; i < size; i++)
                    result[t][mine + i] = scores.Select((score, s) => score * v[s][shared + i]).Sum() / scores.Sum();
            }
        }
        return [.. result.Select(row => Linear(name + "o_proj", row))];
    }

    private double[] Gated(string name, double[] x)
    {
        double[] gate = Linear(name + "gate_proj", x), up = Linear(name + "up_proj", x);
        return Linear(name + "down_proj", [.. gate.Zip(up, (g, u) => g / (1 + Math.Exp(-g)) * u)]);
    }

    // The stretching rule of Llama 3, by wavelengths as its authors state it.
    private double Frequency(int pair)
    {
        RopeScaling scaling = config.RopeScaling!;
        double frequency = 1 / Math.Pow(config.RopeTheta, 2.0 * pair / config.HeadSize), wavelength = 2 * Math.PI / frequency;
        if (wavelength < scaling.OriginalLength / scaling.HighTurns)
            return frequency;
        if (wavelength > scaling.OriginalLength / scaling.LowTurns)
            return frequency / scaling.Factor;
        double smooth = (scaling.OriginalLength / wavelength - scaling.LowTurns) / (scaling.HighTurns - scaling.LowTurns);
        return (1 - smooth) * frequency / scaling.Factor + smooth * frequency;
    }

    private double[] Turn(double[] x, int position)
    {
        int half = config.HeadSize / 2;
        double[] result = new double[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            int within = i % config.HeadSize, pair = within % half;
            double angle = position * Frequency(pair);
            result[i] = x[i] * Math.Cos(angle) + (within < half ? -x[i + half] : x[i - half]) * Math.Sin(angle);
        }
        return result;
    }

    private double[] Norm(string name, double[] x)
    {
        double[] weight = Values(name + ".weight");
        double root = Math.Sqrt(x.Average(value => value * value) + config.NormEpsilon);
        return [.. x.Zip(weight, (value, w) => value / root * w)];
    }

    private double[] Linear(string name, double[] x)
    {
        double[] weight = Values(name + ".weight"), bias = weights.ContainsKey(name + ".bias") ? Values(name + ".bias") : new double[weight.Length / x.Length];
        return [.. bias.Select((b, o) => b + x.Select((value, i) => value * weight[o * x.Length + i]).Sum())];
    }

    private double[] Values(string name) => [.. weights[name].data<float>().ToArray().Select(value => (double)value)];

    private static double[] Sum(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];
}
