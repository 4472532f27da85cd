using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>An elementwise function (or softmax) between or after layers.</summary>
public enum Activation
{
    /// <summary>No function.</summary>
    None,

    /// <summary>max(x, 0).</summary>
    Relu,

    /// <summary>The logistic function.</summary>
    Sigmoid,

    /// <summary>The hyperbolic tangent.</summary>
    Tanh,

    /// <summary>x times the normal distribution function, exact form.</summary>
    Gelu,

    /// <summary>Softmax over the last axis.</summary>
    Softmax,
}

internal static class ActivationModules
{
    internal static Module<Tensor, Tensor>? Create(this Activation activation) => activation switch
    {
        Activation.Relu => ReLU(),
        Activation.Sigmoid => Sigmoid(),
        Activation.Tanh => Tanh(),
        Activation.Gelu => GELU(),
        Activation.Softmax => Softmax(-1),
        _ => null,
    };
}
