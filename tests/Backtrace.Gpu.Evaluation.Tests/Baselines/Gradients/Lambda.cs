using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Gradients;

/// <summary>A function as a network, without modules inside unless they are given.</summary>
internal sealed class Lambda : nn.Module<Tensor, Tensor>
{
    private readonly Func<Tensor, Tensor> function;

    internal Lambda(Func<Tensor, Tensor> function, params nn.Module<Tensor, Tensor>[] parts) : base(nameof(Lambda))
    {
        this.function = function;
        for (int k = 0; k < parts.Length; k++)
            register_module($"part{k}", parts[k]);
    }

    public override Tensor forward(Tensor input) => function(input);
}
