using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Perturbation;

/// <summary>A network that is a formula, and counts how often it is asked.</summary>
internal sealed class FunctionModel(Func<Tensor, Tensor> function) : nn.Module<Tensor, Tensor>("function")
{
    internal int Calls { get; private set; }

    /// <summary>Most samples in one call.</summary>
    internal long Largest { get; private set; }

    internal Action<int>? OnCall { get; set; }

    /// <summary>One score: the weighted sum of the entries.</summary>
    internal static FunctionModel Linear(params float[] weights) => new(x => x.reshape(x.shape[0], -1).to(float32).matmul(tensor(weights).unsqueeze(1)));

    public override Tensor forward(Tensor input)
    {
        Calls++;
        OnCall?.Invoke(Calls);
        Largest = Math.Max(Largest, input.shape[0]);
        return function(input);
    }
}
