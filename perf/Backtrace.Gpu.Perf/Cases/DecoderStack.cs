using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Perf.Cases;

/// <summary>Llama's layers without embeddings and head, random weights: [N, T, width] to the last token's state, [N, width].</summary>
internal sealed class DecoderStack : Module<Tensor, Tensor>
{
    private readonly TorchSharp.Modules.ModuleList<Module<Tensor, Tensor>> layers;

    public DecoderStack(int layers, int width, int heads, int groups, int inner) : base(nameof(DecoderStack))
    {
        this.layers = ModuleList([.. Enumerable.Range(0, layers).Select(_ => (Module<Tensor, Tensor>)new Layer(width, heads, groups, inner))]);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input) => layers.Aggregate(input, (x, layer) => layer.call(x)).select(1, -1);

    private sealed class Layer : Module<Tensor, Tensor>
    {
        private readonly int heads, groups, size;
        private readonly Module<Tensor, Tensor> query, key, value, output, gate, up, down;
        private readonly TorchSharp.Modules.Parameter firstNorm, secondNorm;

        public Layer(int width, int heads, int groups, int inner) : base(nameof(Layer))
        {
            (this.heads, this.groups, size) = (heads, groups, width / heads);
            (query, output) = (Linear(width, width, false), Linear(width, width, false));
            (key, value) = (Linear(width, groups * size, false), Linear(width, groups * size, false));
            (gate, up, down) = (Linear(width, inner, false), Linear(width, inner, false), Linear(inner, width, false));
            (firstNorm, secondNorm) = (Parameter(ones(width)), Parameter(ones(width)));
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            Tensor y = Norm(x, firstNorm);
            Tensor mixed = functional.scaled_dot_product_attention(
                Rotate(Split(query.call(y), heads)), Repeat(Rotate(Split(key.call(y), groups))), Repeat(Split(value.call(y), groups)), is_casual: true);
            x = x + output.call(mixed.transpose(1, 2).reshape(x.shape));
            y = Norm(x, secondNorm);
            return x + down.call(functional.silu(gate.call(y)) * up.call(y));
        }

        private static Tensor Norm(Tensor x, Tensor weight) => x * (x.pow(2).mean([-1], keepdim: true) + 1e-5).rsqrt() * weight;

        private Tensor Split(Tensor x, int count) => x.view(x.shape[0], x.shape[1], count, size).transpose(1, 2);

        private Tensor Repeat(Tensor x) =>
            x.unsqueeze(2).expand(x.shape[0], groups, heads / groups, x.shape[2], size).reshape(x.shape[0], heads, x.shape[2], size);

        private Tensor Rotate(Tensor x)
        {
            Tensor angle = outer(arange(x.shape[2], float32), (arange(0, size, 2, float32) * (-Math.Log(500000) / size)).exp());
            (Tensor cosine, Tensor sine) = (cat([angle.cos(), angle.cos()], -1).to(x.dtype), cat([angle.sin(), angle.sin()], -1).to(x.dtype));
            Tensor turned = cat([-x.slice(-1, size / 2, size, 1), x.slice(-1, 0, size / 2, 1)], -1);
            return x * cosine + turned * sine;
        }
    }
}
