using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using Net = TorchSharp.torch.nn.Module<TorchSharp.torch.Tensor, TorchSharp.torch.Tensor>;

namespace Backtrace.Gpu.Perf.Cases;

/// <summary>Small networks of kinds that the bars leave out, random weights: layers whose inputs have both signs, few channels per group, overlapping windows, long sequences.</summary>
internal static class FurtherNetworks
{
    private const int Classes = 10;

    /// <summary>A network by its name, and the shape of its input.</summary>
    public static (Net Model, long[] Shape)? Of(string name, long size) => name switch
    {
        "temporal" => (Headed(64, Conv1d(8, 64, 1), Dilated(1), Dilated(2), Dilated(4), Dilated(8)), [size, 8, 1024]),
        "stem" => (Headed(64, Conv2d(3, 64, 7, stride: 2, padding: 3), ReLU(), MaxPool2d(3, 2, 1), Conv2d(64, 64, 3, padding: 1), ReLU(), AvgPool2d(3, 2, 1)), [size, 3, 128, 128]),
        "mobile" => (Headed(96, Normalised(3, 32, 3, 2), Inverted(32, 32, 1), Inverted(32, 64, 2), Inverted(64, 64, 1), Inverted(64, 96, 2), Inverted(96, 96, 1)), [size, 3, 96, 96]),
        "convnext" => (Headed(96, Conv2d(3, 96, 4, stride: 4), Spread(96), Spread(96), Spread(96)), [size, 3, 128, 128]),
        "vit" => (Vision(192, 3, 4), [size, 3, 224, 224]),
        "causal" => (Sequence(256, Attending(256, 4, isCausal: true), Attending(256, 4, isCausal: true)), [1, size, 256]),
        "written-attention" => (Sequence(256, Attending(256, 8, isCausal: false, isWritten: true), Attending(256, 8, isCausal: false, isWritten: true)), [2, size, 256]),
        "positive" => (Positive(784, 256, Classes), [size, 784]),
        _ => null,
    };

    // Weights and inputs above 0, which the graph does not know: units of one sign.
    private static Net Positive(int inputs, int hidden, int outputs)
    {
        (Net first, Net second) = (Linear(inputs, hidden), Linear(hidden, outputs));
        using (no_grad())
        {
            foreach (TorchSharp.Modules.Parameter parameter in first.parameters().Concat(second.parameters()))
                parameter.abs_();
        }

        return new Composed(x => second.call(functional.relu(first.call(x + 10))), first, second);
    }

    // The mean over all places, then a dense layer.
    private static Net Headed(int width, params Net[] body)
    {
        (Net whole, Net head) = (Sequential(body), Linear(width, Classes));
        return new Composed(x => head.call(whole.call(x).flatten(2).mean([2L])), whole, head);
    }

    private static Net Dilated(int dilation)
    {
        Net convolution = Conv1d(64, 64, 3, dilation: dilation, padding: dilation);
        return new Composed(x => x + functional.relu(convolution.call(x)), convolution);
    }

    private static Net Normalised(int from, int to, int kernel, int stride = 1, int groups = 1, bool isLinear = false)
    {
        Net convolution = Conv2d(from, to, kernel, stride: stride, padding: kernel / 2, groups: groups, bias: false), norm = BatchNorm2d(to);
        return isLinear ? Sequential(convolution, norm) : Sequential(convolution, norm, ReLU6());
    }

    private static Net Inverted(int from, int to, int stride)
    {
        int wide = 6 * from;
        Net body = Sequential(Normalised(from, wide, 1), Normalised(wide, wide, 3, stride, wide), Normalised(wide, to, 1, isLinear: true));
        return from == to && stride == 1 ? new Composed(x => x + body.call(x), body) : body;
    }

    private static Net Spread(int width)
    {
        Net places = Conv2d(width, width, 7, padding: 3, groups: width), norm = LayerNorm(width), first = Linear(width, 4 * width), second = Linear(4 * width, width);
        return new Composed(
            x => x + second.call(functional.gelu(first.call(norm.call(places.call(x).permute(0, 2, 3, 1))))).permute(0, 3, 1, 2), places, norm, first, second);
    }

    private static Net Vision(int width, int heads, int layers)
    {
        Net patches = Conv2d(3, width, 16, stride: 16), head = Linear(width, Classes);
        Net body = Sequential([.. Enumerable.Range(0, layers).Select(_ => Attending(width, heads, isCausal: false))]);
        return new Composed(x => head.call(body.call(patches.call(x).flatten(2).transpose(1, 2)).mean([1L])), patches, body, head);
    }

    private static Net Sequence(int width, params Net[] body)
    {
        (Net whole, Net head) = (Sequential(body), Linear(width, Classes));
        return new Composed(x => head.call(whole.call(x).select(1, -1)), whole, head);
    }

    private static Net Attending(int width, int heads, bool isCausal, bool isWritten = false)
    {
        Net firstNorm = LayerNorm(width), secondNorm = LayerNorm(width), all = Linear(width, 3 * width), output = Linear(width, width), first = Linear(width, 4 * width), second = Linear(4 * width, width);
        return new Composed(
            x =>
            {
                Tensor[] parts = [.. all.call(firstNorm.call(x)).chunk(3, -1).Select(t => t.view(t.shape[0], t.shape[1], heads, -1).transpose(1, 2))];
                Tensor mixed = isWritten
                    ? (parts[0].matmul(parts[1].transpose(-1, -2)) / Math.Sqrt(width / heads)).softmax(-1).matmul(parts[2])
                    : functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_casual: isCausal);
                x = x + output.call(mixed.transpose(1, 2).reshape(x.shape));
                return x + second.call(functional.gelu(first.call(secondNorm.call(x))));
            },
            firstNorm, secondNorm, all, output, first, second);
    }

    // Parts and what is done with them.
    private sealed class Composed : Module<Tensor, Tensor>
    {
        private readonly Func<Tensor, Tensor> run;
        private readonly TorchSharp.Modules.ModuleList<Net> parts;

        public Composed(Func<Tensor, Tensor> run, params Net[] parts) : base(nameof(Composed))
        {
            this.run = run;
            this.parts = ModuleList(parts);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => run(input);
    }
}
