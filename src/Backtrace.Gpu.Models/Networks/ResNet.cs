using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Residual networks, in the two shapes that published weights come in.</summary>
public sealed class ResNet : Module<Tensor, Tensor>
{
    private readonly List<Module<Tensor, Tensor>> steps = [];

    private ResNet(string name) : base(name)
    {
    }

    /// <summary>
    /// The CIFAR shape: 3x3 stem of 16 channels, three stages of 16, 32 and 64 channels, parameter-free shortcuts, classifier "linear".
    /// </summary>
    /// <param name="depth">Number of weighted layers: 6n+2, such as 20 or 56.</param>
    /// <param name="classes">Number of outputs.</param>
    /// <exception cref="ArgumentException">The depth is not 6n+2.</exception>
    public static ResNet Cifar(int depth, int classes = 10)
    {
        if (depth < 8 || depth % 6 != 2)
            throw new ArgumentException($"A CIFAR ResNet has 6n+2 layers, not {depth}.", nameof(depth));
        ResNet net = new($"ResNet{depth}");
        net.Add("conv1", Conv2d(3, 16, 3, 1, 1, bias: false));
        net.Add("bn1", BatchNorm2d(16));
        net.Add("relu", ReLU());
        int inputs = 16;
        foreach ((int stage, int planes) in new[] { (1, 16), (2, 32), (3, 64) })
        {
            net.Add($"layer{stage}", Stage(depth / 6, i => i == 0 && planes > inputs
                ? ResidualBlock.Basic(inputs, planes, 2, "shortcut", new OptionAShortcut((planes - inputs) / 2))
                : ResidualBlock.Basic(planes, planes, 1, "shortcut", null)));
            inputs = planes;
        }
        return net.AddHead("linear", 64, classes);
    }

    /// <summary>
    /// The ImageNet shape: 7x7 stem of 64 channels, max pooling, four stages of 64 to 512 channels, four times as many of bottlenecks, 1x1 convolutions in the shortcuts, classifier "fc".
    /// </summary>
    /// <param name="depth">18 or 34 (basic blocks); 50, 101 or 152 (bottlenecks).</param>
    /// <param name="classes">Number of outputs.</param>
    /// <exception cref="ArgumentException">Another depth.</exception>
    public static ResNet ImageNet(int depth, int classes = 1000)
    {
        int[] blocks = depth switch
        {
            18 => [2, 2, 2, 2],
            34 or 50 => [3, 4, 6, 3],
            101 => [3, 4, 23, 3],
            152 => [3, 8, 36, 3],
            _ => throw new ArgumentException($"ImageNet ResNets have 18, 34, 50, 101 or 152 layers, not {depth}.", nameof(depth)),
        };
        ResNet net = new($"ResNet{depth}");
        net.Add("conv1", Conv2d(3, 64, 7, 2, 3, bias: false));
        net.Add("bn1", BatchNorm2d(64));
        net.Add("relu", ReLU());
        net.Add("maxpool", MaxPool2d(3, 2, 1));
        Func<int, int, int, string, Module<Tensor, Tensor>?, ResidualBlock> block = depth < 50 ? ResidualBlock.Basic : ResidualBlock.Bottleneck;
        int inputs = 64, expansion = depth < 50 ? 1 : 4;
        for (int stage = 0; stage < blocks.Length; stage++)
        {
            int from = inputs, planes = 64 << stage, to = expansion * planes, stride = stage == 0 ? 1 : 2;
            net.Add($"layer{stage + 1}", Stage(blocks[stage], i => i == 0 && from != to
                ? block(from, planes, stride, "downsample", Sequential(("0", Conv2d(from, to, 1, stride, bias: false)), ("1", BatchNorm2d(to))))
                : block(to, planes, 1, "downsample", null)));
            inputs = to;
        }
        return net.AddHead("fc", inputs, classes);
    }

    /// <summary>Maps [batch, 3, height, width] to logits [batch, classes].</summary>
    public override Tensor forward(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = input;
        foreach (Module<Tensor, Tensor> step in steps)
            x = step.call(x);
        return x.MoveToOuterDisposeScope();
    }

    private static Module<Tensor, Tensor> Stage(int blocks, Func<int, Module<Tensor, Tensor>> block) => Sequential(Enumerable.Range(0, blocks).Select(i => ($"{i}", block(i))));

    private ResNet AddHead(string name, int inputs, int classes)
    {
        Add("avgpool", AdaptiveAvgPool2d(1));
        Add("flatten", Flatten());
        Add(name, Linear(inputs, classes));
        return this;
    }

    private void Add(string name, Module<Tensor, Tensor> module)
    {
        register_module(name, module);
        steps.Add(module);
    }
}
