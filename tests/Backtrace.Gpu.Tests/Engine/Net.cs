using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>A model whose forward pass is given as code, with the modules that the code uses.</summary>
internal sealed class Net : nn.Module<Tensor, Tensor>
{
    private readonly Func<Tensor, Tensor> run;

    internal Net(Func<Tensor, Tensor> run, params (string Name, nn.Module Part)[] parts)
        : base("Net")
    {
        this.run = run;
        foreach ((string name, nn.Module part) in parts)
            register_module(name, part);
        eval();
    }

    public override Tensor forward(Tensor input) => run(input);
}
