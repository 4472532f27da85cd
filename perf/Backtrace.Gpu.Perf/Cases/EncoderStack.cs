using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Perf.Cases;

/// <summary>BERT's encoder layers without embeddings, random weights: [N, T, width] to the first token's two logits, [N, 2].</summary>
internal sealed class EncoderStack : Module<Tensor, Tensor>
{
    private readonly TorchSharp.Modules.ModuleList<Module<Tensor, Tensor>> layers;
    private readonly Module<Tensor, Tensor> head;

    public EncoderStack(int layers, int width, int heads, int inner) : base(nameof(EncoderStack))
    {
        this.layers = ModuleList([.. Enumerable.Range(0, layers).Select(_ => (Module<Tensor, Tensor>)new Layer(width, heads, inner))]);
        head = Linear(width, 2);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input) => head.call(layers.Aggregate(input, (x, layer) => layer.call(x)).select(1, 0));

    private sealed class Layer : Module<Tensor, Tensor>
    {
        private readonly int heads;
        private readonly Module<Tensor, Tensor> query, key, value, output, first, second, firstNorm, secondNorm;

        public Layer(int width, int heads, int inner) : base(nameof(Layer))
        {
            this.heads = heads;
            (query, key, value, output) = (Linear(width, width), Linear(width, width), Linear(width, width), Linear(width, width));
            (first, second) = (Linear(width, inner), Linear(inner, width));
            (firstNorm, secondNorm) = (LayerNorm(width), LayerNorm(width));
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            Tensor mixed = functional.scaled_dot_product_attention(Split(query.call(x)), Split(key.call(x)), Split(value.call(x)));
            x = firstNorm.call(x + output.call(mixed.transpose(1, 2).reshape(x.shape)));
            return secondNorm.call(x + second.call(functional.gelu(first.call(x))));
        }

        private Tensor Split(Tensor x) => x.view(x.shape[0], x.shape[1], heads, -1).transpose(1, 2);
    }
}
