using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Two 3x3 convolutions with batch normalisation, added to a shortcut of the input.</summary>
internal sealed class BasicBlock : Module<Tensor, Tensor>
{
    private readonly Module<Tensor, Tensor> conv1, bn1, relu1, conv2, bn2, relu2;
    private readonly Module<Tensor, Tensor>? shortcut;

    /// <param name="inputs">Channels of the input.</param>
    /// <param name="planes">Channels of the output.</param>
    /// <param name="stride">Stride of the first convolution.</param>
    /// <param name="shortcutName">Name that the shortcut is registered under; differs between published weights.</param>
    /// <param name="shortcut">The shortcut, or null for the identity.</param>
    internal BasicBlock(int inputs, int planes, int stride, string shortcutName, Module<Tensor, Tensor>? shortcut) : base(nameof(BasicBlock))
    {
        conv1 = Add(nameof(conv1), Conv2d(inputs, planes, 3, stride, 1, bias: false));
        bn1 = Add(nameof(bn1), BatchNorm2d(planes));
        relu1 = Add(nameof(relu1), ReLU());
        conv2 = Add(nameof(conv2), Conv2d(planes, planes, 3, 1, 1, bias: false));
        bn2 = Add(nameof(bn2), BatchNorm2d(planes));
        this.shortcut = shortcut is null ? null : Add(shortcutName, shortcut);
        relu2 = Add(nameof(relu2), ReLU());
    }

    public override Tensor forward(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = relu1.call(bn1.call(conv1.call(input)));
        x = bn2.call(conv2.call(x));
        x = x + (shortcut?.call(input) ?? input);
        return relu2.call(x).MoveToOuterDisposeScope();
    }

    private Module<Tensor, Tensor> Add(string name, Module<Tensor, Tensor> module)
    {
        register_module(name, module);
        return module;
    }
}
