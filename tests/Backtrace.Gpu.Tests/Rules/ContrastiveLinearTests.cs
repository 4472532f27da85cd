using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Execution;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>
/// The three ways in which a dense layer is explained contrastively: few inputs, inputs that are not negative, and many inputs of both signs,
/// with units whose masses are nearly of one sign among them.
/// </summary>
public sealed class ContrastiveLinearTests
{
    private static readonly Device Cpu = Device.Cpu();
    private static readonly Device[] Simulated = [Device.SimulatedGpu(1), Device.SimulatedGpu(64)];

    private static IEnumerable<string> Devices => TestDevices.All;

    [Test]
    public void AgreesWithTheReference([Values(5, 47, 48, 130)] int inputs, [Values] bool nonNegative) => ForRandom(25, random =>
    {
        Node node = RandomNode(random, inputs, nonNegative);
        Outcome[] actual = RuleRunner.RunContrastive(Cpu, node);
        double[][] expected = Expected(node);
        for (int stream = 0; stream < 2; stream++)
        {
            Assert.That(Deviation.Of(actual[stream].Relevance[0]!.Data, [.. expected[stream].Select(v => (float)v)]), Is.LessThanOrEqualTo(1e-5));
            double given = (stream == 0 ? node.Relevance : node.Opposing)[0]!.Sum;
            Assert.That(actual[stream].Total, Is.EqualTo(given).Within(1e-5 * given));
        }
    });

    [Test]
    public void LaunchGeometryDoesNotMatter([Values] bool nonNegative) => ForRandom(2, random =>
    {
        Node node = RandomNode(random, 70, nonNegative);
        Outcome[] expected = RuleRunner.RunContrastive(Cpu, node);
        foreach (Device device in Simulated)
        {
            Outcome[] actual = RuleRunner.RunContrastive(device, node);
            for (int stream = 0; stream < 2; stream++)
                Assert.That(actual[stream].Relevance[0]!.Data, Is.EqualTo(expected[stream].Relevance[0]!.Data));
        }
    });

    // A group of GPU threads per row.
    [Test]
    public void LongRowsAgreeWithTheReference([Values(150, 600)] int inputs, [ValueSource(nameof(Devices))] string device)
    {
        Node node = RandomNode(new Random(inputs), 3, inputs, 300, nonNegative: false);
        Outcome[] actual = RuleRunner.RunContrastive(TestDevices.Get(device), node);
        double[][] expected = Expected(node);
        for (int stream = 0; stream < 2; stream++)
            Assert.That(Deviation.Of(actual[stream].Relevance[0]!.Data, [.. expected[stream].Select(v => (float)v)]), Is.LessThanOrEqualTo(1e-5));
    }

    // Every fourth unit has weights of nearly one sign, or of one sign.
    private static Node RandomNode(Random random, int inputs, bool nonNegative) => RandomNode(random, random.Next(1, 5), inputs, random.Next(1, 20), nonNegative);

    private static Node RandomNode(Random random, int rows, int inputs, int outputs, bool nonNegative)
    {
        float[] x = [.. Enumerable.Range(0, rows * inputs).Select(_ => random.Next(6) == 0 ? 0 : nonNegative ? random.NextSingle() : random.NextSingle() - 0.5f)];
        float[] weight = new float[outputs * inputs];
        for (int j = 0; j < outputs; j++)
        {
            bool uneven = random.Next(4) == 0;
            float other = random.Next(2) == 0 ? 0 : 1e-3f;
            for (int i = 0; i < inputs; i++)
            {
                float w = random.NextSingle() - 0.5f, sign = nonNegative || x[i] >= 0 ? 1 : -1;
                weight[(j * inputs) + i] = uneven ? sign * Math.Abs(w) * (i % 16 == 3 ? -other : 1) : w;
            }
        }

        float[] bias = [.. Enumerable.Range(0, outputs).Select(_ => random.NextSingle() - 0.5f)];
        Values Draw() => Values.Of([rows, outputs], _ => random.Next(5) == 0 ? 0 : random.NextSingle());
        float[] y = [.. Enumerable.Range(0, rows * outputs).Select(u =>
            (float)(bias[u % outputs] + Enumerable.Range(0, inputs).Sum(i => (double)weight[(u % outputs * inputs) + i] * x[(u / outputs * inputs) + i])))];
        return new Node(new Linear(new LinearShape(rows, inputs, outputs)), [new Values(x, rows, inputs)], [Draw()], rows)
        {
            Opposing = [Draw()],
            Parameters = new() { ["weight"] = new Values(weight, outputs, inputs), ["bias"] = new Values(bias, outputs) },
            Output = new Values(y, rows, outputs),
            NonNegative = nonNegative,
        };
    }

    private static double[][] Expected(Node node)
    {
        (int rows, int inputs, int outputs) = ((Linear)node.Operation).Shape;
        double[][] result = [new double[rows * inputs], new double[rows * inputs]];
        for (int row = 0; row < rows; row++)
        {
            double[] supporting = new double[inputs], opposing = new double[inputs];
            for (int j = 0; j < outputs; j++)
            {
                double[] z = [.. Enumerable.Range(0, inputs).Select(i => (double)node.Parameters["weight"].Data[(j * inputs) + i] * node.Inputs[0].Data[(row * inputs) + i])];
                int unit = (row * outputs) + j;
                ContrastiveReference.Unit(z, node.Parameters["bias"].Data[j], node.Relevance[0]!.Data[unit], node.Opposing[0]!.Data[unit], supporting, opposing);
            }

            supporting.CopyTo(result[0], row * inputs);
            opposing.CopyTo(result[1], row * inputs);
        }

        return result;
    }

    private static void ForRandom(int count, Action<Random> check) =>
        Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue - 1)), seed => check(new Random(seed))).Check(Seeded.Cases(count));
}
