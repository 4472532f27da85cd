using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Kernels.Rules.References;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Engine;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>The attention of the reference implementations against their formulas, written out in float64 head by head.</summary>
public sealed class ReferenceAttentionTests
{
    private const int Samples = 2, Heads = 4, KeyHeads = 2, Queries = 3, Keys = 5, Width = 2, ValueWidth = 3;
    private const float Scale = 0.8f;

    private static IEnumerable<string> Devices => TestDevices.All;

    [Test]
    public void V2TakesSignedQuotientsWithoutTheMask([ValueSource(nameof(Devices))] string device, [Range(0, 2)] int seed, [Values] bool isCausal)
    {
        Node node = Attend(new Random(seed), isCausal);
        double[][] expected = V2(node);
        Outcome outcome = RuleRunner.Run(TestDevices.Get(device), node, RuleSet.V2), canonical = RuleRunner.Run(TestDevices.Get(device), node);
        for (int k = 0; k < 3; k++)
        {
            Assert.That(Deviation.Of(outcome.Relevance[k]!.Data, Floats(expected[k])), Is.LessThanOrEqualTo(1e-4), $"input {k}");
            Assert.That(Deviation.Of(canonical.Relevance[k]!.Data, Floats(expected[k])), Is.GreaterThan(0.01), $"input {k}: the case shows the flaw");
        }

        Assert.That(outcome.Total, Is.EqualTo(node.Relevance[0]!.Sum).Within(1e-4));
    }

    [Test]
    public void V2SharesHeadsAnewWhereItConserves([ValueSource(nameof(Devices))] string device)
    {
        Node node = Attend(new Random(5), isCausal: false);
        double[][] expected = V2(node);
        int[] heads = [Samples * Heads, Samples * KeyHeads, Samples * KeyHeads];
        for (int k = 0; k < 3; k++)
        {
            int length = expected[k].Length / heads[k];
            for (int head = 0; head < heads[k]; head++)
            {
                float[] x = node.Inputs[k].Data[(head * length)..((head + 1) * length)];
                double total = expected[k].Skip(head * length).Take(length).Sum(), mass = x.Sum(v => (double)Math.Abs(v));
                for (int i = 0; i < length; i++)
                    expected[k][head * length + i] = Math.Abs(x[i]) / mass * total;
            }
        }

        Outcome outcome = RuleRunner.Run(TestDevices.Get(device), node, RuleSet.V2.With(new V2AttentionRule(conserves: true))), plain = RuleRunner.Run(TestDevices.Get(device), node, RuleSet.V2);
        for (int k = 0; k < 3; k++)
        {
            Assert.That(Deviation.Of(outcome.Relevance[k]!.Data, Floats(expected[k])), Is.LessThanOrEqualTo(1e-4), $"input {k}");
            Assert.That(Deviation.Of(plain.Relevance[k]!.Data, Floats(expected[k])), Is.GreaterThan(0.01), $"input {k}: the step matters");
        }

        Assert.That(outcome.Total, Is.EqualTo(node.Relevance[0]!.Sum).Within(1e-4));
    }

    // Scores whose sum is between the limits of softmax, beyond the upper, and beyond the lower one.
    [Test]
    public void V1SplitsOverWholeSamples([ValueSource(nameof(Devices))] string device, [Range(0, 1)] int seed, [Values(0, 1, -1)] int sign)
    {
        Node node = Attend(new Random(seed), isCausal: true, sign);
        double[][] expected = V1(node, testsLimits: true), untested = V1(node, testsLimits: false);
        Outcome outcome = RuleRunner.Run(TestDevices.Get(device), node, RuleSet.V1);
        for (int k = 0; k < 3; k++)
            Assert.That(Deviation.Of(outcome.Relevance[k]!.Data, Floats(expected[k])), Is.LessThanOrEqualTo(1e-4), $"input {k}");
        Assert.That(outcome.Total, Is.EqualTo(node.Relevance[0]!.Sum).Within(1e-4));
        if (sign != 0)
            Assert.That(Deviation.Of(Floats(untested[0]), Floats(expected[0])), Is.GreaterThan(0.01), "the limits matter");
    }

    // One query, one key: o = v = 2, s = 3·1. Half of 8 to v; half to s, and from there half each to q and k.
    [Test]
    public void OneQueryAndOneKeyByHand([ValueSource(nameof(Devices))] string device)
    {
        Node node = new(
            new Attention(new AttentionShape(1, 1, 1, 1, 1, 1, 1), 1, false, AttentionMask.None),
            [new Values([3], 1, 1, 1, 1), new Values([1], 1, 1, 1, 1), new Values([2], 1, 1, 1, 1)], [new Values([8], 1, 1, 1, 1)], 1);
        foreach (RuleSet rules in new[] { RuleSet.V1, RuleSet.V2 })
        {
            Outcome outcome = RuleRunner.Run(TestDevices.Get(device), node, rules);
            Assert.That(outcome.Relevance.Select(r => r!.Data[0]), Is.EqualTo(new float[] { 2, 2, 4 }).Within(1e-4));
        }
    }

    [Test]
    public void NothingToDivideByIsDropped([ValueSource(nameof(Devices))] string device)
    {
        Node node = new(
            new Attention(new AttentionShape(1, 1, 1, 1, 1, 1, 1), 1, false, AttentionMask.None),
            [new Values([0], 1, 1, 1, 1), new Values([0], 1, 1, 1, 1), new Values([0], 1, 1, 1, 1)], [new Values([8], 1, 1, 1, 1)], 1);
        foreach (RuleSet rules in new[] { RuleSet.V1, RuleSet.V2 })
        {
            Outcome outcome = RuleRunner.Run(TestDevices.Get(device), node, rules);
            Assert.That(outcome.Relevance.Select(r => r!.Data[0]), Is.All.Zero);
            Assert.That(outcome.Ledger[LedgerEntry.Dropped][0], Is.EqualTo(8).Within(1e-5));
        }
    }

    [Test]
    public void V2SeesTheFutureOfCausalModelsAndTheLedgerCloses()
    {
        using var scope = NewDisposeScope();
        Tensor q = Draw(1), k = Draw(2), v = Draw(3);
        float[] seed = [5, 0, 0, 0, 0, 0]; // the first query only
        using Explanation v2 = Run(RuleSet.V2), v1 = Run(RuleSet.V1), here = Run(RuleSet.Backtrace);
        Assert.Multiple(() =>
        {
            Assert.That(v2.Inputs[2].Floats()[2..], Has.Some.Not.Zero);
            Assert.That(v1.Inputs[2].Floats()[2..], Has.Some.Not.Zero);
            Assert.That(here.Inputs[2].Floats()[2..], Is.All.Zero);
        });

        Tensor Draw(int s) => randn([1, 1, 3, 2], generator: new Generator().manual_seed(s));

        Explanation Run(RuleSet rules)
        {
            using Backtracer backtracer = new(null, x => [nn.functional.scaled_dot_product_attention(x[0], x[1], x[2], is_casual: true)], options: new BacktracerOptions { Rules = rules });
            return backtracer.Explain([q, k, v], Target.Custom(seed));
        }
    }

    private static float[] Floats(double[] values) => [.. values.Select(v => (float)v)];

    // Terms have both signs, but outputs and scores stay away from 0, where quotients have no digits left. Scores have the sign of their head, or one of all but few queries.
    private static Node Attend(Random r, bool isCausal, int sign = 0)
    {
        float Size() => 0.5f + r.NextSingle();
        float OfQuery(int i) => sign == 0 ? (i / (Queries * Width) % 2 == 0 ? 1 : -1) : sign * (i / Width % 7 == 0 ? -0.3f : 1);
        Values q = Values.Of([Samples, Heads, Queries, Width], i => Size() * OfQuery(i) * (i % Width == 0 ? 1 : -0.1f)), k = Values.Of([Samples, KeyHeads, Keys, Width], _ => Size());
        Values v = Values.Of([Samples, KeyHeads, Keys, ValueWidth], i => Size() * (i / ValueWidth % Keys == 1 ? -0.1f : 1));
        Values relevance = Values.Of([Samples, Heads, Queries, ValueWidth], _ => r.NextSingle());
        AttentionShape shape = new(Samples, Heads, KeyHeads, Queries, Keys, Width, ValueWidth);
        return new Node(new Attention(shape, Scale, isCausal, AttentionMask.None), [q, k, v], [relevance], Samples);
    }

    private static double[][] V2(Node node)
    {
        static double Away(double m) => Math.Abs(m) < 1e-9 ? (m < 0 ? -1e-9 : 1e-9) : m;
        double[][] result = [.. node.Inputs.Select(x => new double[x.Data.Length])];
        ForEachQuery(node, (head, t, scores, a, q, k, v, rel) =>
        {
            double[] toWeights = new double[Keys];
            for (int e = 0; e < ValueWidth; e++)
            {
                double o = 0;
                for (int s = 0; s < Keys; s++)
                    o += a[s] * v(s, e);
                double z = rel(e) / Away(2 * o);
                for (int s = 0; s < Keys; s++)
                {
                    toWeights[s] += z * v(s, e) * a[s];
                    result[2][ValueAt(head, s, e)] += z * a[s] * v(s, e);
                }
            }

            for (int s = 0; s < Keys; s++)
                HandScore(result, head, t, s, toWeights[s] / Away(2 * scores[s]), q, k);
        });
        return result;
    }

    private static double[][] V1(Node node, bool testsLimits)
    {
        static double Away(double m) => m + 1e-6 * Math.Sign(m);
        double[][] result = [.. node.Inputs.Select(x => new double[x.Data.Length])];
        double[] arrived = new double[Samples], p = new double[Samples], n = new double[Samples];
        ForEachQuery(node, (head, _, scores, a, _, _, v, rel) =>
        {
            int sample = head / Heads;
            for (int e = 0; e < ValueWidth; e++)
            {
                double o = 0;
                for (int s = 0; s < Keys; s++)
                    o += a[s] * v(s, e);
                arrived[sample] += rel(e) / Away(2 * o) * o;
            }

            p[sample] += scores.Where(s => s > 0).Sum();
            n[sample] -= scores.Where(s => s < 0).Sum();
        });
        ForEachQuery(node, (head, t, scores, _, q, k, _, _) =>
        {
            int sample = head / Heads;
            double sum = p[sample] - n[sample], keepP = testsLimits && sum < -1 ? 0 : 1, keepN = testsLimits && sum > 2 ? 0 : 1;
            for (int s = 0; s < Keys; s++)
            {
                double relevance = arrived[sample] * (scores[s] > 0 ? keepP : keepN) * Math.Abs(scores[s]) / (keepP * p[sample] + keepN * n[sample]);
                HandScore(result, head, t, s, relevance / Away(2 * scores[s]), q, k);
            }
        });
        float[] values = node.Inputs[2].Data;
        int length = values.Length / Samples;
        for (int i = 0; i < values.Length; i++)
            result[2][i] = arrived[i / length] * Math.Abs(values[i]) / values.Skip(i / length * length).Take(length).Sum(x => (double)Math.Abs(x));
        return result;
    }

    private static int KeyHead(int head) => head / Heads * KeyHeads + head % Heads / (Heads / KeyHeads);

    private static int ValueAt(int head, int s, int e) => (KeyHead(head) * Keys + s) * ValueWidth + e;

    private static void HandScore(double[][] result, int head, int t, int s, double quotient, Func<int, double> q, Func<int, int, double> k)
    {
        for (int c = 0; c < Width; c++)
        {
            result[0][(head * Queries + t) * Width + c] += quotient * k(s, c) * q(c);
            result[1][(KeyHead(head) * Keys + s) * Width + c] += quotient * q(c) * k(s, c);
        }
    }

    // Each query of each head of each sample: raw scores and weights without a mask, and its query, keys, values and relevance.
    private static void ForEachQuery(Node node, Action<int, int, double[], double[], Func<int, double>, Func<int, int, double>, Func<int, int, double>, Func<int, double>> visit)
    {
        float[] qs = node.Inputs[0].Data, ks = node.Inputs[1].Data, vs = node.Inputs[2].Data, relevance = node.Relevance[0]!.Data;
        for (int head = 0; head < Samples * Heads; head++)
        {
            for (int t = 0; t < Queries; t++)
            {
                (int h, int row) = (head, t);
                double Q(int c) => qs[(h * Queries + row) * Width + c];
                double K(int s, int c) => ks[(KeyHead(h) * Keys + s) * Width + c];
                double[] scores = [.. Enumerable.Range(0, Keys).Select(s => Enumerable.Range(0, Width).Sum(c => Q(c) * K(s, c)))];
                double[] exponentials = [.. scores.Select(s => Math.Exp(Scale * s))];
                double[] weights = [.. exponentials.Select(x => x / exponentials.Sum())];
                visit(head, t, scores, weights, Q, K, (s, e) => vs[ValueAt(h, s, e)], e => relevance[(h * Queries + row) * ValueWidth + e]);
            }
        }
    }
}
