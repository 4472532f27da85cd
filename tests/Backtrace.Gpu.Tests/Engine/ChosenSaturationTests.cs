using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>A saturation test that the options choose for a layer takes the place of that of the activation behind it.</summary>
public sealed class ChosenSaturationTests
{
    // Contributions 4 and -1, bias 1: t = 4. With bias -9.5 it is below -6.
    [TestCase("tanh", null, 1f, 4 / 5f, 0)]
    [TestCase("tanh", Saturation.None, 1f, 4 / 6f, 1 / 6f)]
    [TestCase("tanh", Saturation.Sigmoid, 1f, 4 / 6f, 1 / 6f)]
    [TestCase("relu", null, 1f, 4 / 6f, 1 / 6f)]
    [TestCase("relu", Saturation.Tanh, 1f, 4 / 5f, 0)]
    [TestCase("silu", Saturation.Swish, -9.5f, 0, 1 / 10.5f)]
    public void TakesThePlaceOfTheActivations(string activation, Saturation? chosen, float bias, float first, float second)
    {
        using TorchSharp.Modules.Linear layer = nn.Linear(2, 1);
        using (no_grad())
        {
            layer.weight!.copy_(tensor(new float[] { 2, -1 }).reshape(1, 2));
            layer.bias!.fill_(bias);
        }

        using nn.Module<Tensor, Tensor> behind = activation switch { "tanh" => nn.Tanh(), "relu" => nn.ReLU(), _ => nn.SiLU() };
        using TorchSharp.Modules.Sequential model = nn.Sequential(("layer", layer), ("behind", behind));
        BacktracerOptions options = new() { Saturations = chosen is { } test ? new Dictionary<string, Saturation> { ["layer"] = test } : [] };
        using Backtracer backtracer = new(model, options: options);
        using Tensor input = tensor(new float[] { 2, 1 }).reshape(1, 2);
        using Explanation e = backtracer.Explain(input, Target.Custom([1]));
        Assert.That(e.Input.data<float>().ToArray(), Is.EqualTo(new[] { first, second }).Within(1e-6f));
    }
}
