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
    public void AttentionAgreesWithTheReference([Values(5, 20)] int width, [Values] bool isCausal, [ValueSource(nameof(Devices))] string device)
    {
        const int Pairs = 2, Tokens = 70, ValueWidth = 3;
        Random random = new(width);
        AttentionShape shape = new(Pairs, 1, 1, Tokens, Tokens, width, ValueWidth);
        Values q = Uneven(random, width, Pairs, Tokens, width), k = Uneven(random, width, Pairs, Tokens, width), v = Uneven(random, ValueWidth, Pairs, Tokens, ValueWidth);
        Values Draw() => Values.Of([Pairs, Tokens, ValueWidth], _ => random.Next(5) == 0 ? 0 : random.NextSingle());
        Node node = new(new Attention(shape, 0.3f, isCausal, AttentionMask.None), [Four(q), Four(k), Four(v)], [Four(Draw())], Pairs) { Opposing = [Four(Draw())] };
        double[][] toQ = Pair(q), toK = Pair(k), toV = Pair(v);
        for (int row = 0; row < Pairs * Tokens; row++)
        {
            int first = row / Tokens * Tokens, seen = isCausal ? (row % Tokens) + 1 : Tokens;
            double[] exponentials = [.. Enumerable.Range(first, seen).Select(s => Math.Exp(0.3 * Enumerable.Range(0, width).Sum(i => (double)q.Data[(row * width) + i] * k.Data[(s * width) + i])))];
            double[][] toWeights = [new double[seen], new double[seen]];
            for (int e = 0; e < ValueWidth; e++)
            {
                double[] z = [.. Enumerable.Range(0, seen).Select(s => exponentials[s] / exponentials.Sum() * v.Data[((first + s) * ValueWidth) + e])];
                double[][] shares = [new double[seen], new double[seen]];
                int unit = (row * ValueWidth) + e;
                ContrastiveReference.Unit(z, 0, node.Relevance[0]!.Data[unit], node.Opposing[0]!.Data[unit], shares[0], shares[1]);
                for (int stream = 0; stream < 2; stream++)
                {
                    for (int s = 0; s < seen; s++)
                    {
                        toV[stream][((first + s) * ValueWidth) + e] += shares[stream][s] / 2;
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

    // [pairs, tokens, width] with one head.
    private static Values Four(Values values) => new(values.Data, values.Shape[0], 1, values.Shape[1], values.Shape[2]);

    private static double[][] Pair(Values values) => [new double[values.Data.Length], new double[values.Data.Length]];
}
