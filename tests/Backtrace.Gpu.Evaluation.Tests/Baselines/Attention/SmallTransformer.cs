using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Tests.Baselines;

/// <summary>How attention is written.</summary>
public enum Written
{
    Fused,
    Out,

    // Samples and heads are one axis, as in torch's own MultiheadAttention.
    OutWithOneBatchAxis,
}

/// <summary>Attention and feed-forward blocks without normalisation, [N, T, width] to scores of two classes read from the first token. Weights are drawn from a seed.</summary>
internal sealed class SmallTransformer : Module<Tensor, Tensor>
{
    private readonly ModuleList<Linear> parts = [];
    private readonly Written written;
    private readonly int heads, layers;

    internal SmallTransformer(int width = 6, int heads = 2, int layers = 2, Written written = Written.Fused, int seed = 1) : base(nameof(SmallTransformer))
    {
        (this.heads, this.layers, this.written) = (heads, layers, written);
        using Generator generator = new Generator().manual_seed(seed);
        for (int k = 0; k < 6 * layers; k++)
        {
            Linear part = Linear(width, width);
            using var quiet = no_grad();
            part.weight!.copy_(randn(width, width, generator: generator) * 0.7);
            part.bias!.copy_(randn(width, generator: generator) * 0.2);
            parts.Add(part);
        }

        RegisterComponents();
    }

    /// <summary>A part of the first layer: query, key, value, output projection and the two feed-forward layers.</summary>
    internal Linear Part(int index) => parts[index];

    internal Tensor Split(Tensor x) => x.view(x.shape[0], x.shape[1], heads, -1).transpose(1, 2);

    private static Tensor Merge(Tensor x) => x.transpose(1, 2).flatten(2);

    /// <summary>What follows the attention of the first layer.</summary>
    internal Tensor AfterAttention(Tensor x, Tensor mixed, int layer = 0)
    {
        x = x + parts[6 * layer + 3].call(Merge(mixed));
        return x + parts[6 * layer + 5].call(parts[6 * layer + 4].call(x).tanh());
    }

    internal static Tensor Scores(Tensor x) => x.select(1, 0).narrow(1, 0, 2);

    public override Tensor forward(Tensor x)
    {
        for (int layer = 0; layer < layers; layer++)
        {
            Tensor q = Split(parts[6 * layer].call(x)), k = Split(parts[6 * layer + 1].call(x)), v = Split(parts[6 * layer + 2].call(x));
            x = AfterAttention(x, Mix(q, k, v), layer);
        }

        return Scores(x);
    }

    private Tensor Mix(Tensor q, Tensor k, Tensor v)
    {
        if (written == Written.Fused)
            return functional.scaled_dot_product_attention(q, k, v);
        double scale = Math.Sqrt(q.shape[^1]);
        if (written == Written.Out)
            return functional.softmax(q.matmul(k.transpose(-2, -1)) / scale, -1).matmul(v);
        Tensor flat = functional.softmax(q.flatten(0, 1).bmm(k.flatten(0, 1).transpose(1, 2)) / scale, -1).bmm(v.flatten(0, 1));
        return flat.view(v.shape);
    }
}
