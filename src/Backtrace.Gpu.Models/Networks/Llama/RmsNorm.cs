using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Division by the root mean square over the last axis, then a weight per component. Computed in fp32, like the original.</summary>
internal sealed class RmsNorm : Module<Tensor, Tensor>
{
    private readonly double epsilon;

    internal RmsNorm(int size, double epsilon) : base(nameof(RmsNorm))
    {
        this.epsilon = epsilon;
        register_parameter(nameof(weight), new Parameter(empty(size, device: META)));
    }

    /// <summary>One number per component.</summary>
    public Parameter weight
    {
        get => get_parameter(nameof(weight))!;
        set => ConditionallyRegisterParameter(nameof(weight), value);
    }

    public override Tensor forward(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = input.to(ScalarType.Float32);
        Tensor normal = x * rsqrt(x.pow(2).mean([-1], keepdim: true) + epsilon);
        return (normal.to(input.dtype) * weight).MoveToOuterDisposeScope();
    }
}
