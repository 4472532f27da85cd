using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>
/// Products of two tensors explained contrastively, with units among them whose contributions are of one sign, or nearly: against the unit rule in double
/// precision.
/// </summary>
public sealed class ContrastiveProductTests
{
    // Contributions of a small sign, as a part of the others.
    private const float Little = 1e-3f;

    private static IEnumerable<string> Devices => TestDevices.All;

    [Test]
    public void MatrixProductsAgreeWithTheReference([Values(15, 16, 70)] int depth, [Values] bool sharesSecond, [ValueSource(nameof(Devices))] string device)
    {
        const int Batch = 2, Rows = 9, Columns = 11;
        Random random = new(depth);
        int matrices = sharesSecond ? 1 : Batch;
        Values a = Uneven(random, depth, Batch, Rows, depth), turned = Uneven(random, depth, matrices, Columns, depth);
        Values b = new(Turned(turned, matrices, Columns, depth), matrices, depth, Columns);
        Values Draw() => Values.Of([Batch, Rows, Columns], _ => random.Next(5) == 0 ? 0 : random.NextSingle());
        Node node = new(new MatrixProduct(true, true), [a, b], [Draw()], Batch) { Opposing = [Draw()] };
        double[][] toA = [new double[a.Data.Length], new double[a.Data.Length]], toB = [new double[b.Data.Length], new double[b.Data.Length]];
        for (int unit = 0; unit < Batch * Rows * Columns; unit++)
        {
            int row = unit / Columns, matrix = sharesSecond ? 0 : row / Rows, column = (matrix * Columns) + (unit % Columns);
            double[][] shares = Shares(a, row, turned, column, depth, node.Relevance[0]!.Data[unit], node.Opposing[0]!.Data[unit]);
            for (int stream = 0; stream < 2; stream++)
            {
                for (int i = 0; i < depth; i++)
                {
                    toA[stream][(row * depth) + i] += shares[stream][i] / 2;
                    toB[stream][(((matrix * depth) + i) * Columns) + (unit % Columns)] += shares[stream][i] / 2;
                }
            }
        }

        Check(node, device, toA, toB);
    }

    [Test]
    public void AttentionAgreesWithTheReference([Values(5, 20, 70)] int width, [Values] bool isCausal, [ValueSource(nameof(Devices))] string device) =>
        CheckAttention(new AttentionShape(2, 1, 1, 70, 70, width, 3), isCausal, device);

    [Test]
    public void AttentionToOtherTokensAgreesWithTheReference([Values(9, 90)] int keys, [Values] bool isCausal, [ValueSource(nameof(Devices))] string device) =>
        CheckAttention(new AttentionShape(2, 1, 1, 40, keys, 20, 3), isCausal, device);

    // Blocks of rows cross from one head to the next.
    [Test]
    public void GroupedHeadsAgreeWithTheReference([Values(20, 70)] int width, [Values] bool isCausal, [ValueSource(nameof(Devices))] string device) =>
        CheckAttention(new AttentionShape(2, 6, 2, 30, 35, width, 5), isCausal, device);

    private static void CheckAttention(AttentionShape shape, bool isCausal, string device)
    {
        int width = shape.Width, valueWidth = shape.ValueWidth;
        Random random = new(width);
        Values q = Uneven(random, width, shape.Samples, shape.Heads, shape.Queries, width), k = Uneven(random, width, shape.Samples, shape.KeyHeads, shape.Keys, width);
        Values v = Uneven(random, valueWidth, shape.Samples, shape.KeyHeads, shape.Keys, valueWidth);
        Values Draw() => Values.Of([shape.Samples, shape.Heads, shape.Queries, valueWidth], _ => random.Next(5) == 0 ? 0 : random.NextSingle());
        Node node = new(new Attention(shape, 0.3f, isCausal, AttentionMask.None), [q, k, v], [Draw()], shape.Samples) { Opposing = [Draw()] };
        double[][] toQ = Pair(q), toK = Pair(k), toV = Pair(v);
        for (int row = 0; row < shape.Samples * shape.Heads * shape.Queries; row++)
        {
            int sample = row / (shape.Heads * shape.Queries), keyHead = row / shape.Queries % shape.Heads / (shape.Heads / shape.KeyHeads);
            int first = ((sample * shape.KeyHeads) + keyHead) * shape.Keys, seen = isCausal ? Math.Min(shape.Keys, (row % shape.Queries) + 1) : shape.Keys;
            double[] exponentials = [.. Enumerable.Range(first, seen).Select(s => Math.Exp(0.3 * Enumerable.Range(0, width).Sum(i => (double)q.Data[(row * width) + i] * k.Data[(s * width) + i])))];
            double sum = exponentials.Sum();
            double[][] toWeights = [new double[seen], new double[seen]];
            for (int e = 0; e < valueWidth; e++)
            {
                double[] z = [.. Enumerable.Range(0, seen).Select(s => exponentials[s] / sum * v.Data[((first + s) * valueWidth) + e])];
                double[][] shares = [new double[seen], new double[seen]];
                int unit = (row * valueWidth) + e;
                ContrastiveReference.Unit(z, 0, node.Relevance[0]!.Data[unit], node.Opposing[0]!.Data[unit], shares[0], shares[1]);
                for (int stream = 0; stream < 2; stream++)
                {
                    for (int s = 0; s < seen; s++)
                    {
                        toV[stream][((first + s) * valueWidth) + e] += shares[stream][s] / 2;
                        toWeights[stream][s] += shares[stream][s] / 2;
                    }
                }
            }

            for (int s = 0; s < seen; s++)
            {
                double[][] shares = Shares(q, row, k, first + s, width, toWeights[0][s], toWeights[1][s]);
                for (int stream = 0; stream < 2; stream++)
                {
                    for (int i = 0; i < width; i++)
                    {
                        toQ[stream][(row * width) + i] += shares[stream][i] / 2;
                        toK[stream][((first + s) * width) + i] += shares[stream][i] / 2;
                    }
                }
            }
        }

        Check(node, device, toQ, toK, toV);
    }

    private static void Check(Node node, string device, params double[][][] expected)
    {
        Outcome[] actual = RuleRunner.RunContrastive(TestDevices.Get(device), node);
        for (int stream = 0; stream < 2; stream++)
        {
            for (int input = 0; input < expected.Length; input++)
                Assert.That(Deviation.Of(actual[stream].Relevance[input]!.Data, [.. expected[input][stream].Select(e => (float)e)]), Is.LessThanOrEqualTo(2e-5), $"stream {stream}, input {input}");
            double given = (stream == 0 ? node.Relevance : node.Opposing)[0]!.Sum;
            Assert.That(actual[stream].Total, Is.EqualTo(given).Within(1e-5 * given));
        }
    }

    private static double[][] Shares(Values a, int row, Values b, int column, int depth, double supporting, double opposing)
    {
        double[] z = [.. Enumerable.Range(0, depth).Select(i => (double)a.Data[(row * depth) + i] * b.Data[(column * depth) + i])];
        double[][] shares = [new double[depth], new double[depth]];
        ContrastiveReference.Unit(z, 0, supporting, opposing, shares[0], shares[1]);
        return shares;
    }

    // Of three rows, one has any signs, one is positive and one nearly.
    private static Values Uneven(Random random, int width, params long[] shape) => Values.Of(shape, i =>
    {
        float any = random.NextSingle() - 0.5f;
        return (i / width % 3) switch { 0 => any, 1 => Math.Abs(any), _ => i % width == 2 ? -Little * Math.Abs(any) : Math.Abs(any) };
    });

    private static float[] Turned(Values values, int matrices, int rows, int columns)
    {
        float[] turned = new float[values.Data.Length];
        for (int i = 0; i < turned.Length; i++)
            turned[(((i / columns / rows * columns) + (i % columns)) * rows) + (i / columns % rows)] = values.Data[i];
        Assert.That(turned, Has.Length.EqualTo(matrices * rows * columns));
        return turned;
    }

    private static double[][] Pair(Values values) => [new double[values.Data.Length], new double[values.Data.Length]];
}
