using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Engine;
using Backtrace.Gpu.Tests.Support;
using Backtrace.Gpu.Tests.Transformers;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>AttnLRP of attention against its equations, written out in float64 entry by entry.</summary>
public sealed class LrpAttentionTests
{
    // Large enough that no quotient hangs on the rounding of a small denominator.
    private const float Epsilon = 0.05f;

    private static IEnumerable<string> Devices => TestDevices.All;

    [Test]
    public void EqualsItsEquations([Values] Masking masking, [Values(1, 2, 4)] int keyHeads, [Values] bool decomposes, [ValueSource(nameof(Devices))] string device)
    {
        Random random = new(17 + keyHeads);
        Check(new AttentionShape(2, 4, keyHeads, 35, 35, 5, 3), masking, decomposes, device, random);
    }

    // A group of GPU threads per row.
    [Test]
    public void EqualsItsEquationsWithManyKeys([Values(Masking.None, Masking.Boolean, Masking.Additive)] Masking masking, [ValueSource(nameof(Devices))] string device) =>
        Check(new AttentionShape(2, 2, 1, 7, 150, 5, 3), masking, decomposes: true, device, new Random(5));

    private static void Check(AttentionShape shape, Masking masking, bool decomposes, string device, Random random)
    {
        (int keyHeads, int queries, int keys) = (shape.KeyHeads, shape.Queries, shape.Keys);
        Values Draw(params long[] sizes) => Values.Of(sizes, _ => random.NextSingle() * 3 - 1.5f);
        Values q = Draw(2, shape.Heads, queries, 5), k = Draw(2, keyHeads, keys, 5), v = Draw(2, keyHeads, keys, 3), relevance = Draw(2, shape.Heads, queries, 3);
        Values? mask = masking switch
        {
            Masking.Boolean => Values.Of([2, 1, queries, keys], i => i % keys == 0 || random.Next(3) > 0 ? 1 : 0),
            Masking.Additive => Draw(shape.Heads, queries, keys),
            _ => null,
        };
        AttentionMask kind = masking switch { Masking.Boolean => AttentionMask.Boolean, Masking.Additive => AttentionMask.Additive, _ => AttentionMask.None };
        Node node = new(new Attention(shape, 0.4f, masking == Masking.Causal, kind), mask is null ? [q, k, v] : [q, k, v, mask], [relevance], 2);
        RuleSet rules = decomposes ? RuleSet.AttnLrp(Epsilon) : RuleSet.LrpEpsilon(Epsilon);
        Outcome outcome = RuleRunner.Run(TestDevices.Get(device), node, rules);
        (double[][] expected, double bias, double dropped) = Slow(node, shape, decomposes);
        for (int i = 0; i < 3; i++)
            Assert.That(Deviation.Of(outcome.Relevance[i]!.Data, [.. expected[i].Select(e => (float)e)]), Is.LessThanOrEqualTo(5e-5), $"input {i}");
        double size = expected.Sum(e => e.Sum(Math.Abs));
        Assert.That(outcome.Ledger.GetValueOrDefault(LedgerEntry.Bias)?.Sum() ?? 0, Is.EqualTo(bias).Within(1e-5 * size));
        Assert.That(outcome.Ledger[LedgerEntry.Dropped].Sum(), Is.EqualTo(dropped).Within(1e-5 * size));
        Assert.That(outcome.Total, Is.EqualTo(relevance.Sum).Within(1e-5 * size));
        Assert.That(Math.Abs(bias), decomposes ? Is.GreaterThan(1e-3 * size) : Is.Zero, "only a decomposed softmax keeps relevance");
    }

    [Test]
    public void EqualsTheAttentionWrittenOut([Values] Masking masking, [Values] bool decomposes)
    {
        using var scope = NewDisposeScope();
        AttentionCase attention = new(2, 3, 80, masking == Masking.Causal ? 80 : 90, 9, 11, masking, 3);
        Tensor[] inputs = attention.Inputs();
        Target target = Target.Custom((rand(attention.Fused(inputs).shape, generator: new Generator().manual_seed(1)) - 0.3).Floats());
        BacktracerOptions options = new() { Rules = decomposes ? RuleSet.AttnLrp(Epsilon) : RuleSet.LrpEpsilon(Epsilon) };
        using Backtracer one = new(null, x => [attention.Fused(x)], options: options), many = new(null, x => [attention.WrittenOut(x)], options: options);
        using Explanation fused = one.Explain(inputs, target), written = many.Explain(inputs, target);
        for (int k = 0; k < 3; k++)
            Explaining.AssertSame(fused.Inputs[k], written.Inputs[k], 1e-4, $"input {k}");
        using Backtracer other = new(null, x => [attention.Fused(x)], options: new BacktracerOptions { Rules = decomposes ? RuleSet.LrpEpsilon(Epsilon) : RuleSet.AttnLrp(Epsilon) });
        using Explanation different = other.Explain(inputs, target);
        Assert.That(Deviation.Of(different.Inputs[0].Floats(), fused.Inputs[0].Floats()), Is.GreaterThan(0.01));
    }

    [Test]
    public void MemoryDoesNotGrowWithQueriesTimesKeys()
    {
        using var scope = NewDisposeScope();
        AttentionCase attention = new(1, 2, 3000, 3000, 8, 8, Masking.Causal, 7);
        Tensor[] inputs = attention.Inputs();
        using Backtracer backtracer = new(null, x => [attention.Fused(x)], options: new BacktracerOptions { Rules = RuleSet.AttnLrp() });
        using Explanation e = backtracer.Explain(inputs, Target.Custom(ones(1, 2, 3000, 8).Floats()));
        Assert.That(e.Facts.PeakBytes, Is.LessThan(30_000_000), "one array of all weights takes 72 MB");
    }

    private static (double[][] Relevance, double Bias, double Dropped) Slow(Node node, AttentionShape shape, bool decomposes)
    {
        Attention operation = (Attention)node.Operation;
        float[] q = node.Inputs[0].Data, k = node.Inputs[1].Data, v = node.Inputs[2].Data, relevance = node.Relevance[0]!.Data;
        double[] toQ = new double[q.Length], toK = new double[k.Length], toV = new double[v.Length];
        double bias = 0, dropped = 0;
        int width = shape.Width, outputs = shape.ValueWidth, keys = shape.Keys;
        for (int row = 0; row < shape.Samples * shape.Heads * shape.Queries; row++)
        {
            int t = row % shape.Queries, head = row / shape.Queries % shape.Heads, n = row / shape.Queries / shape.Heads;
            int pair = n * shape.KeyHeads + head / (shape.Heads / shape.KeyHeads);
            double Product(int s) => Enumerable.Range(0, width).Sum(e => (double)q[row * width + e] * k[(pair * keys + s) * width + e]);
            double[] scores = [.. Enumerable.Range(0, keys).Select(Product)];
            double[] x = [.. scores.Select((p, s) => operation.Scale * p + Mask(node, operation, n, head, t, s))];
            double highest = x.Max(), sum = x.Sum(i => Math.Exp(i - highest));
            double[] a = [.. x.Select(i => Math.Exp(i - highest) / sum)], toA = new double[keys];
            for (int e = 0; e < outputs; e++)
            {
                double r = relevance[row * outputs + e], o = Enumerable.Range(0, keys).Sum(s => a[s] * v[(pair * keys + s) * outputs + e]);
                double c = r / Stable(2 * o);
                dropped += r - 2 * c * o;
                for (int s = 0; s < keys; s++)
                {
                    double part = c * a[s] * v[(pair * keys + s) * outputs + e];
                    toA[s] += part;
                    toV[(pair * keys + s) * outputs + e] += part;
                }
            }

            double total = toA.Sum();
            double[] toS = decomposes ? [.. toA.Select((r, s) => a[s] == 0 ? 0 : x[s] * (r - a[s] * total))] : toA;
            bias += total - toS.Sum();
            for (int s = 0; s < keys; s++)
            {
                double c = toS[s] / Stable(2 * scores[s]);
                dropped += toS[s] - 2 * c * scores[s];
                for (int e = 0; e < width; e++)
                {
                    double part = c * q[row * width + e] * k[(pair * keys + s) * width + e];
                    toQ[row * width + e] += part;
                    toK[(pair * keys + s) * width + e] += part;
                }
            }
        }

        return ([toQ, toK, toV], bias, dropped);
    }

    private static double Stable(double v) => v < 0 ? v - Epsilon : v + Epsilon;

    private static double Mask(Node node, Attention operation, int n, int head, int t, int s)
    {
        (int queries, int keys) = (operation.Shape.Queries, operation.Shape.Keys);
        if (operation.IsCausal)
            return s <= t ? 0 : double.NegativeInfinity;
        return operation.Mask switch
        {
            AttentionMask.Boolean => node.Inputs[3].Data[(n * queries + t) * keys + s] != 0 ? 0 : double.NegativeInfinity,
            AttentionMask.Additive => node.Inputs[3].Data[(head * queries + t) * keys + s],
            _ => 0,
        };
    }
}
