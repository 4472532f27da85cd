using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>A sum as a module.</summary>
internal sealed class Sum() : Module<Tensor, Tensor, Tensor>("Sum")
{
    public override Tensor forward(Tensor input1, Tensor input2) => input1 + input2;
}

/// <summary>torchvision's basic block. <c>functional</c>: its forward pass as published, in-place; else modules only.</summary>
internal sealed class Block : Module<Tensor, Tensor>
{
    private readonly Conv2d conv1;
    private readonly BatchNorm2d bn1;
    private readonly ReLU relu;
    private readonly Conv2d conv2;
    private readonly BatchNorm2d bn2;
    private readonly Sequential? downsample;
    private readonly Sum sum = new();
    private readonly bool functional;

    internal Block(int inputs, int planes, int stride, bool functional)
        : base("BasicBlock")
    {
        this.functional = functional;
        conv1 = Conv2d(inputs, planes, 3, stride, 1, bias: false);
        bn1 = BatchNorm2d(planes);
        relu = ReLU(inplace: functional);
        conv2 = Conv2d(planes, planes, 3, 1, 1, bias: false);
        bn2 = BatchNorm2d(planes);
        if (stride != 1 || inputs != planes)
            downsample = Sequential(("0", Conv2d(inputs, planes, 1, stride, bias: false)), ("1", BatchNorm2d(planes)));
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        Tensor identity = downsample is null ? input : downsample.call(input);
        Tensor y = relu.call(bn1.call(conv1.call(input)));
        y = bn2.call(conv2.call(y));
        if (!functional)
            return relu.call(sum.call(y, identity));
        y = y.add_(identity);
        return relu.call(y);
    }
}

/// <summary>torchvision's resnet18, narrow enough for a test.</summary>
internal sealed class NarrowResNet : Module<Tensor, Tensor>
{
    private readonly Conv2d conv1 = Conv2d(3, 4, 7, 2, 3, bias: false);
    private readonly BatchNorm2d bn1 = BatchNorm2d(4);
    private readonly ReLU relu;
    private readonly MaxPool2d maxpool = MaxPool2d(3, 2, 1);
    private readonly Sequential layer1;
    private readonly Sequential layer2;
    private readonly Sequential layer3;
    private readonly Sequential layer4;
    private readonly AdaptiveAvgPool2d avgpool = AdaptiveAvgPool2d(1);
    private readonly Flatten flatten = Flatten();
    private readonly Linear fc = Linear(16, 10);
    private readonly bool functional;

    internal NarrowResNet(bool functional)
        : base("ResNet")
    {
        this.functional = functional;
        relu = ReLU(inplace: functional);
        layer1 = Stage(4, 4, 1);
        layer2 = Stage(4, 8, 2);
        layer3 = Stage(8, 12, 2);
        layer4 = Stage(12, 16, 2);
        RegisterComponents();
        eval();
    }

    /// <summary>Weights and running statistics as after some training.</summary>
    internal static (NarrowResNet Functional, NarrowResNet Modules) Pair()
    {
        random.manual_seed(18);
        NarrowResNet first = new(functional: true), second = new(functional: false);
        foreach ((string name, Tensor buffer) in first.named_buffers())
        {
            if (name.EndsWith("running_mean", StringComparison.Ordinal))
                buffer.copy_(randn(buffer.shape) * 0.3);
            else if (name.EndsWith("running_var", StringComparison.Ordinal))
                buffer.copy_(rand(buffer.shape) + 0.5);
        }

        second.load_state_dict(first.state_dict());
        return (first, second);
    }

    public override Tensor forward(Tensor input)
    {
        Tensor x = maxpool.call(relu.call(bn1.call(conv1.call(input))));
        x = layer4.call(layer3.call(layer2.call(layer1.call(x))));
        x = avgpool.call(x);
        return fc.call(functional ? torch.flatten(x, 1) : flatten.call(x));
    }

    private Sequential Stage(int inputs, int planes, int stride) =>
        Sequential(("0", new Block(inputs, planes, stride, functional)), ("1", new Block(planes, planes, 1, functional)));
}
