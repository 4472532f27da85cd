using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Convolutions with batch normalisation, added to a shortcut of the input.</summary>
internal sealed class ResidualBlock : Module<Tensor, Tensor>
{
    private readonly List<Module<Tensor, Tensor>> branch = [];
    private readonly Module<Tensor, Tensor>? shortcut;
    private readonly Module<Tensor, Tensor> last;

    /// <param name="name">What such a block is called.</param>
    /// <param name="convolutions">In their order.</param>
    /// <param name="shortcutName">Name that the shortcut is registered under; differs between published weights.</param>
    /// <param name="shortcut">The shortcut, or null for the identity.</param>
    private ResidualBlock(string name, TorchSharp.Modules.Conv2d[] convolutions, string shortcutName, Module<Tensor, Tensor>? shortcut) : base(name)
    {
        for (int k = 1; k <= convolutions.Length; k++)
        {
            if (k > 1)
                branch.Add(Add($"relu{k - 1}", ReLU()));
            branch.Add(Add($"conv{k}", convolutions[k - 1]));
            branch.Add(Add($"bn{k}", BatchNorm2d(convolutions[k - 1].out_channels)));
        }

        this.shortcut = shortcut is null ? null : Add(shortcutName, shortcut);
        last = Add($"relu{convolutions.Length}", ReLU());
    }

    /// <summary>Two 3x3 convolutions.</summary>
    /// <param name="inputs">Channels of the input.</param>
    /// <param name="planes">Channels of the output.</param>
    /// <param name="stride">Stride of the first convolution.</param>
    /// <param name="shortcutName">Name of the shortcut.</param>
    /// <param name="shortcut">The shortcut, or null for the identity.</param>
    internal static ResidualBlock Basic(int inputs, int planes, int stride, string shortcutName, Module<Tensor, Tensor>? shortcut) =>
        new("BasicBlock", [Conv2d(inputs, planes, 3, stride, 1, bias: false), Conv2d(planes, planes, 3, 1, 1, bias: false)], shortcutName, shortcut);

    /// <summary>A 1x1, a 3x3 and a 1x1 convolution, the last one to four times as many channels. The 3x3 one has the stride, as in the weights that torchvision publishes.</summary>
    /// <param name="inputs">Channels of the input.</param>
    /// <param name="planes">Channels within.</param>
    /// <param name="stride">Stride of the second convolution.</param>
    /// <param name="shortcutName">Name of the shortcut.</param>
    /// <param name="shortcut">The shortcut, or null for the identity.</param>
    internal static ResidualBlock Bottleneck(int inputs, int planes, int stride, string shortcutName, Module<Tensor, Tensor>? shortcut) =>
        new("Bottleneck", [Conv2d(inputs, planes, 1, bias: false), Conv2d(planes, planes, 3, stride, 1, bias: false), Conv2d(planes, 4 * planes, 1, bias: false)], shortcutName, shortcut);

    public override Tensor forward(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = input;
        foreach (Module<Tensor, Tensor> step in branch)
            x = step.call(x);
        x = x + (shortcut?.call(input) ?? input);
        return last.call(x).MoveToOuterDisposeScope();
    }

    private Module<Tensor, Tensor> Add(string name, Module<Tensor, Tensor> module)
    {
        register_module(name, module);
        return module;
    }
}
