using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Perturbation;

/// <summary>Samples, small networks and Shapley values by definition.</summary>
internal static class Cases
{
    /// <summary>One sample of numbers, explained for class 0, against zeros.</summary>
    internal static Samples Row(Features features, params float[] values) =>
        new(tensor(values).view([1, .. features.Shape]), zeros(1, int64), zeros([1, .. features.Shape]), features);

    /// <summary>A network with one hidden layer of tanh and two scores, whose weights come from a seed.</summary>
    internal static FunctionModel Network(int inputs, int seed)
    {
        using Generator generator = new((ulong)seed);
        Tensor first = randn([inputs, 6], generator: generator), second = randn([6, 2], generator: generator);
        return new FunctionModel(x => x.matmul(first).tanh().matmul(second));
    }

    internal static float[] Numbers(int count, Random random) => [.. Enumerable.Range(0, count).Select(_ => (float)(4 * random.NextDouble() - 2))];

    /// <summary>Shapley values by definition: gains of each player, weighted over all coalitions of the others; absent entries come from each row of the references in turn.</summary>
    internal static double[] Shapley(Func<Tensor, Tensor> output, float[] x, params float[][] references)
    {
        using DisposeScope scope = NewDisposeScope();
        int players = x.Length, coalitions = 1 << players;
        double[] worth = new double[coalitions], values = new double[players];
        foreach (float[] reference in references)
        {
            float[] inputs = [.. Enumerable.Range(0, coalitions).SelectMany(c => Enumerable.Range(0, players).Select(k => (c >> k & 1) == 1 ? x[k] : reference[k]))];
            float[] outputs = output(tensor(inputs).view(coalitions, players)).contiguous().data<float>().ToArray();
            for (int c = 0; c < coalitions; c++)
                worth[c] += (double)outputs[c] / references.Length;
        }

        for (int c = 0; c < coalitions; c++)
        {
            int size = int.PopCount(c);
            double weight = Factorial(size) * Factorial(players - size - 1) / Factorial(players);
            for (int k = 0; k < players; k++)
            {
                if ((c >> k & 1) == 0)
                    values[k] += weight * (worth[c | 1 << k] - worth[c]);
            }
        }

        return values;
    }

    internal static void ForRandom(int count, Action<Random> check) =>
        Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue - 1)), seed => check(new Random(seed))).Check(Seeded.Cases(count));

    /// <summary>Attributions as numbers; disposes the explainer.</summary>
    internal static float[] Explain(IExplainer explainer, Samples samples, CancellationToken cancellation = default)
    {
        using (explainer)
        {
            using Tensor attributions = explainer.Explain(samples, cancellation);
            Assert.That(attributions.shape, Is.EqualTo(samples.Input.shape));
            Assert.That(attributions.dtype, Is.EqualTo(ScalarType.Float32));
            return attributions.contiguous().data<float>().ToArray();
        }
    }

    private static double Factorial(int n) => n < 2 ? 1 : n * Factorial(n - 1);
}
