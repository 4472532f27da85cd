using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>
/// A segmentation network: pairs of 3x3 convolutions at falling and then at rising resolution, where each level also sees what its counterpart
/// on the way down made. The convolutions are numbered in order: conv1, conv2, ...
/// </summary>
public sealed class UNet : Module<Tensor, Tensor>
{
    private readonly List<(Module<Tensor, Tensor> Convolution, Module<Tensor, Tensor> Activation)> steps = [];
    private readonly Module<Tensor, Tensor> pool, up;
    private readonly int levels;

    /// <summary>Builds the network with random weights.</summary>
    /// <param name="channels">Channels of the input.</param>
    /// <param name="widths">Channels of each level, finest first: at least two.</param>
    /// <param name="classes">Number of classes of a pixel.</param>
    /// <exception cref="ArgumentException">Fewer than two levels.</exception>
    public UNet(int channels, IReadOnlyList<int> widths, int classes) : base(nameof(UNet))
    {
        if (widths.Count < 2)
            throw new ArgumentException("A U-Net needs at least two levels.", nameof(widths));
        levels = widths.Count;
        register_module(nameof(pool), pool = MaxPool2d(2));
        register_module(nameof(up), up = Upsample(scale_factor: [2, 2]));
        int inputs = channels;
        foreach (int width in widths)
            inputs = AddPair(inputs, width);
        foreach (int width in widths.SkipLast(1).Reverse())
            inputs = AddPair(inputs + width, width);
        Add(Conv2d(inputs, classes, 1));
    }

    /// <summary>Factor that the sides of a picture must be divisible by.</summary>
    public int SideFactor => 1 << (levels - 1);

    /// <summary>Maps [N, channels, height, width] to non-negative logits [N, classes, height, width].</summary>
    /// <exception cref="ArgumentException">A side is not divisible by <see cref="SideFactor"/>.</exception>
    public override Tensor forward(Tensor input)
    {
        if (input.dim() != 4 || input.shape[2] % SideFactor != 0 || input.shape[3] % SideFactor != 0)
            throw new ArgumentException($"a picture of shape [{string.Join(", ", input.shape)}] was given; [N, channels, height, width] with sides divisible by {SideFactor} is needed.", nameof(input));
        using DisposeScope scope = NewDisposeScope();
        Stack<Tensor> passed = [];
        int next = 0;
        Tensor x = Twice(input);
        for (int level = 1; level < levels; level++)
        {
            passed.Push(x);
            x = Twice(pool.call(x));
        }
        while (passed.Count > 0)
            x = Twice(cat([up.call(x), passed.Pop()], 1));
        return Once(x).MoveToOuterDisposeScope();

        Tensor Twice(Tensor x) => Once(Once(x));

        Tensor Once(Tensor x)
        {
            (Module<Tensor, Tensor> convolution, Module<Tensor, Tensor> activation) = steps[next++];
            return activation.call(convolution.call(x));
        }
    }

    private int AddPair(int inputs, int width)
    {
        Add(Conv2d(inputs, width, 3, 1, 1L));
        Add(Conv2d(width, width, 3, 1, 1L));
        return width;
    }

    private void Add(Module<Tensor, Tensor> convolution)
    {
        Module<Tensor, Tensor> activation = ReLU();
        steps.Add((convolution, activation));
        register_module($"conv{steps.Count}", convolution);
        register_module($"relu{steps.Count}", activation);
    }
}
