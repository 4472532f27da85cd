using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>One operator of a random network; operands are earlier steps, step 0 is the input.</summary>
internal sealed record RandomStep(string Kind, int[] From, float[] Weight, float[] Bias)
{
    internal Tensor? WeightTensor { get; } = Weight.Length == 0 ? null : tensor(Weight);

    internal Tensor? BiasTensor { get; } = Bias.Length == 0 ? null : tensor(Bias);
}

/// <summary>
/// A random network of dense layers, activations, sums, differences, products and concatenations on vectors, in which any step may use any
/// earlier one: chains, diamonds, fan-out. TorchSharp computes it from the same weights that the slow reference uses.
/// </summary>
internal sealed class RandomNet
{
    internal const int Width = 5, Outputs = 3;

    internal RandomNet(Random random, bool signed = true)
    {
        int count = random.Next(3, 9);
        for (int k = 1; k <= count; k++)
        {
            int From() => random.Next(3) == 0 ? random.Next(k) : k - 1;
            Steps.Add(random.Next(7) switch
            {
                0 or 1 => Dense("linear", [From()], Width, Width, random),
                2 => new RandomStep("relu", [From()], [], []),
                3 => new RandomStep(random.Next(2) == 0 ? "tanh" : "sigmoid", [From()], [], []),
                4 => new RandomStep(signed && random.Next(2) == 0 ? "sub" : "add", [From(), From()], [], []),
                5 => new RandomStep("mul", [From(), From()], [], []),
                _ => Dense("cat", [From(), From()], 2 * Width, Width, random),
            });
        }

        Steps.Add(Dense("linear", [count], Width, Outputs, random));
    }

    internal List<RandomStep> Steps { get; } = [];

    internal Tensor Forward(Tensor x)
    {
        List<Tensor> values = [x];
        foreach (RandomStep step in Steps)
            values.Add(Compute(step, [.. step.From.Select(f => values[f])]));
        return values[^1];
    }

    private static Tensor Compute(RandomStep step, Tensor[] x) => step.Kind switch
    {
        "linear" => Layer(step, x[0]),
        "cat" => Layer(step, cat(x, 1)),
        "relu" => x[0].relu(),
        "tanh" => x[0].tanh(),
        "sigmoid" => x[0].sigmoid(),
        "add" => x[0] + x[1],
        "sub" => x[0] - x[1],
        _ => x[0] * x[1],
    };

    private static Tensor Layer(RandomStep step, Tensor x) =>
        F.linear(x, step.WeightTensor!.reshape(-1, x.shape[1]), step.BiasTensor);

    private static RandomStep Dense(string kind, int[] from, int inputs, int outputs, Random random)
    {
        float[] Draw(int n) => [.. Enumerable.Range(0, n).Select(_ => random.Next(9) == 0 ? 0 : (random.NextSingle() * 4) - 2)];
        return new RandomStep(kind, from, Draw(inputs * outputs), random.Next(2) == 0 ? Draw(outputs) : []);
    }
}
