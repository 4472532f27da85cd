using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Residual networks of basic blocks, in the two shapes that published weights come in.</summary>
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
            net.Add($"layer{stage}", Stage(depth / 6, inputs, planes, "shortcut", (from, to) => new OptionAShortcut((to - from) / 2)));
            inputs = planes;
        }
        return net.AddHead("linear", 64, classes);
    }

    /// <summary>
    /// The ImageNet shape: 7x7 stem of 64 channels, max pooling, four stages of 64 to 512 channels, 1x1 convolutions in the shortcuts, classifier "fc".
    /// </summary>
    /// <param name="depth">18 or 34.</param>
    /// <param name="classes">Number of outputs.</param>
    /// <exception cref="ArgumentException">Another depth.</exception>
    public static ResNet ImageNet(int depth, int classes = 1000)
    {
        int[] blocks = depth switch
        {
            18 => [2, 2, 2, 2],
            34 => [3, 4, 6, 3],
            _ => throw new ArgumentException($"ImageNet ResNets of basic blocks have 18 or 34 layers, not {depth}.", nameof(depth)),
        };
        ResNet net = new($"ResNet{depth}");
        net.Add("conv1", Conv2d(3, 64, 7, 2, 3, bias: false));
        net.Add("bn1", BatchNorm2d(64));
        net.Add("relu", ReLU());
        net.Add("maxpool", MaxPool2d(3, 2, 1));
        int inputs = 64;
        for (int stage = 0; stage < blocks.Length; stage++)
        {
            int planes = 64 << stage;
            net.Add($"layer{stage + 1}", Stage(blocks[stage], inputs, planes, "downsample", (from, to) =>
                Sequential(("0", Conv2d(from, to, 1, 2, bias: false)), ("1", BatchNorm2d(to)))));
            inputs = planes;
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

    // The first block of a stage that widens also halves the resolution.
    private static Module<Tensor, Tensor> Stage(int blocks, int inputs, int planes, string shortcutName, Func<int, int, Module<Tensor, Tensor>> widen) =>
        Sequential(Enumerable.Range(0, blocks).Select(i => ($"{i}", (Module<Tensor, Tensor>)(i == 0 && inputs != planes
            ? new BasicBlock(inputs, planes, 2, shortcutName, widen(inputs, planes))
            : new BasicBlock(planes, planes, 1, shortcutName, null)))));

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
