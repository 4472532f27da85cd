using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Kernels.Rules.Lrp;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>LRP of layers against its formulas, written out in float64 unit by unit, with inputs and weights of both signs.</summary>
public sealed class LrpFormulaTests
{
    private const float Stabiliser = LrpFormula.DefaultEpsilon;

    private static IEnumerable<string> Devices => TestDevices.All;

    [Test]
    public void EqualsItsFormula(
        [Values("epsilon", "gamma", "alpha beta", "z plus")] string formula,
        [Values("linear", "convolution", "transposed")] string layer,
        [ValueSource(nameof(Devices))] string device,
        [Range(0, 2)] int seed,
        [Values] bool nonNegative)
    {
        using var scope = NewDisposeScope();
        Node node = Make(layer, new Random(seed), nonNegative, hasBias: true, out double[,] matrix);
        (RuleSet rules, Share share) = Of(formula);
        Check(RuleRunner.Run(TestDevices.Get(device), node, rules), Slow(node, matrix, share), node);
    }

    [Test]
    public void AlphaBetaAndZPlusConserveWhereUnitsHaveBothSigns([Values("alpha beta", "z plus")] string formula, [Values("linear", "convolution")] string layer)
    {
        using var scope = NewDisposeScope();
        Node node = Make(layer, new Random(5), nonNegative: false, hasBias: false, out double[,] matrix);
        for (int j = 0; j < matrix.GetLength(0); j++)
        {
            double[] z = Contributions(node, matrix, j);
            if (!(z.Where(v => v > 0).Sum() > 0.1) || !(z.Where(v => v < 0).Sum() < -0.1))
                node.Relevance[0]!.Data[j] = 0;
        }

        Outcome outcome = RuleRunner.Run(TestDevices.Get("cpu"), node, Of(formula).Rules);
        double size = node.Relevance[0]!.Data.Sum(Math.Abs);
        Assert.That(size, Is.GreaterThan(1));
        Assert.That(outcome.Relevance[0]!.Sum, Is.EqualTo(node.Relevance[0]!.Sum).Within(1e-4 * size));
    }

    [Test]
    public void EpsilonConservesAllButWhatItAbsorbs()
    {
        using var scope = NewDisposeScope();
        Node node = Make("linear", new Random(6), nonNegative: false, hasBias: false, out _);
        Outcome none = RuleRunner.Run(TestDevices.Get("cpu"), node, RuleSet.LrpEpsilon(0)), much = RuleRunner.Run(TestDevices.Get("cpu"), node, RuleSet.LrpEpsilon(3));
        double start = node.Relevance[0]!.Sum, size = none.Relevance[0]!.Data.Sum(Math.Abs);
        Assert.That(none.Relevance[0]!.Sum, Is.EqualTo(start).Within(1e-5 * size));
        Assert.That(much.Relevance[0]!.Data.Sum(Math.Abs), Is.LessThan(0.7 * size));
        Assert.That(much.Total, Is.EqualTo(start).Within(1e-5 * size));
    }

    [Test]
    public void LargeGammaTendsToZPlusWhereUnitsArePositive([Values("linear", "convolution")] string layer)
    {
        using var scope = NewDisposeScope();
        Node node = Make(layer, new Random(7), nonNegative: false, hasBias: true, out _);
        float[] relevance = node.Relevance[0]!.Data, output = node.Output!.Data;
        float[] whole = [.. relevance];
        for (int j = 0; j < relevance.Length; j++)
            relevance[j] = output[j] > 0 ? relevance[j] : 0;
        float[] Run(RuleSet rules) => RuleRunner.Run(TestDevices.Get("cpu"), node, rules).Relevance[0]!.Data;
        float[] plus = Run(RuleSet.LrpAlphaBeta(1, 0));
        Assert.That(Deviation.Of(Run(RuleSet.LrpGamma(1e6f)), plus), Is.LessThan(1e-4));
        Assert.That(Deviation.Of(Run(RuleSet.LrpGamma(1)), plus), Is.GreaterThan(1e-2), "of a small gamma");
        Assert.That(Deviation.Of(Run(RuleSet.LrpGamma(0)), Run(RuleSet.LrpEpsilon())), Is.LessThan(1e-5), "without gamma");
        whole.CopyTo(relevance, 0);
        Assert.That(Deviation.Of(Run(RuleSet.LrpGamma(1e6f)), Run(RuleSet.LrpAlphaBeta(1, 0))), Is.GreaterThan(1e-2), "negative units hand on to what is negative");
    }

    // x = (1, 2), w = (3, −1): z = (3, −2).
    [TestCase("epsilon", 0, 1, 3, -2, 0)]
    [TestCase("epsilon", 1, 2, 3, -2, 1)]
    [TestCase("gamma", 0, 2.5f, 4.5f, -2, 0)]
    [TestCase("gamma", 1, 4, 4.5f, -2, 1.5f)]
    [TestCase("alpha beta", 0, 1, 2, -1, 0)]
    [TestCase("alpha beta", 1, 4, 6, -4, 2)]
    [TestCase("z plus", 1, 4, 3, 0, 1)]
    public void SmallCasesByHand(string formula, float bias, float relevance, float first, float second, float toBias)
    {
        Node node = new(new Linear(new LinearShape(1, 2, 1)), [new Values([1, 2], 1, 2)], [new Values([relevance], 1, 1)], 1)
        {
            Parameters = { ["weight"] = new Values([3, -1], 1, 2), ["bias"] = new Values([bias], 1) },
            Output = new Values([1 + bias], 1, 1),
        };
        RuleSet rules = formula switch { "epsilon" => RuleSet.LrpEpsilon(), "gamma" => RuleSet.LrpGamma(0.5f), _ => Of(formula).Rules };
        Outcome outcome = RuleRunner.Run(TestDevices.Get("cpu"), node, rules);
        Assert.That(outcome.Relevance[0]!.Data, Is.EqualTo(new[] { first, second }).Within(1e-5));
        Assert.That(outcome.Ledger[LedgerEntry.Bias][0], Is.EqualTo(toBias).Within(1e-5));
    }

    [Test]
    public void UnitsOfValueZeroDropTheirRelevance([Values("epsilon", "gamma")] string formula)
    {
        Node node = new(new Linear(new LinearShape(1, 2, 1)), [new Values([1, 1], 1, 2)], [new Values([5], 1, 1)], 1)
        {
            Parameters = { ["weight"] = new Values([2, -2], 1, 2) },
            Output = new Values([0], 1, 1),
        };
        Outcome outcome = RuleRunner.Run(TestDevices.Get("cpu"), node, formula == "gamma" ? RuleSet.LrpGamma() : RuleSet.LrpEpsilon(0));
        Assert.That(outcome.Relevance[0]!.Data, Is.EqualTo(new float[2]));
        Assert.That(outcome.Ledger[LedgerEntry.Dropped], Is.EqualTo(new float[] { 5 }));
    }

    [Test]
    public void FormulasThatDoNotConserveAreRefused()
    {
        Assert.That(() => LrpFormula.AlphaBeta(2, 0.5f), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("1.5"));
        Assert.That(() => LrpFormula.AlphaBeta(0.5f, -0.5f), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => LrpFormula.Gamma(-1), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => RuleSet.LrpEpsilon(float.NaN), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => LrpFormula.Gamma(float.PositiveInfinity), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    // Coefficients of positive and of negative contributions (without sign) of a unit with masses p and n, bias included.
    private delegate (double ToP, double ToN) Share(double relevance, double p, double n, double y);

    private static (RuleSet Rules, Share Share) Of(string formula)
    {
        static double Stable(double v, double epsilon) => v < 0 ? v - epsilon : v + epsilon;
        static Share AlphaBeta(double alpha, double beta) => (r, p, n, _) => (p == 0 ? 0 : alpha * r / (p + Stabiliser), n == 0 ? 0 : -beta * r / (n + Stabiliser));
        return formula switch
        {
            "epsilon" => (RuleSet.LrpEpsilon(0.01f), (r, p, n, y) => (r / Stable(y, 0.01f), -r / Stable(y, 0.01f))),
            "gamma" => (RuleSet.LrpGamma(0.3f), (r, p, n, y) => y >= 0
                ? (1.3f * r / Stable(y + 0.3f * p, Stabiliser), -r / Stable(y + 0.3f * p, Stabiliser))
                : (r / Stable(y - 0.3f * n, Stabiliser), -1.3f * r / Stable(y - 0.3f * n, Stabiliser))),
            "alpha beta" => (RuleSet.LrpAlphaBeta(), AlphaBeta(2, 1)),
            _ => (RuleSet.LrpAlphaBeta(1, 0), AlphaBeta(1, 0)),
        };
    }

    private static double[] Contributions(Node node, double[,] matrix, int unit) => [.. node.Inputs[0].Data.Select((x, i) => matrix[unit, i] * x)];

    private static (double[] Relevance, double Bias, double Dropped) Slow(Node node, double[,] matrix, Share share)
    {
        double[] result = new double[node.Inputs[0].Data.Length];
        double toBias = 0, dropped = 0;
        float[] biases = node.Parameters["bias"].Data;
        long inner = node.Output!.Shape.Skip(2).Aggregate(1L, (a, b) => a * b);
        for (int j = 0; j < matrix.GetLength(0); j++)
        {
            double[] z = Contributions(node, matrix, j);
            double b = biases[j / inner % biases.Length], r = node.Relevance[0]!.Data[j];
            double p = z.Where(v => v > 0).Sum() + Math.Max(b, 0), n = -z.Where(v => v < 0).Sum() + Math.Max(-b, 0);
            (double toP, double toN) = share(r, p, n, node.Output.Data[j]);
            double ToOne(double v) => v > 0 ? toP * v : toN * -v;
            for (int i = 0; i < z.Length; i++)
                result[i] += ToOne(z[i]);
            toBias += ToOne(b);
            dropped += r - toP * p - toN * n;
        }

        return (result, toBias, dropped);
    }

    private static void Check(Outcome outcome, (double[] Relevance, double Bias, double Dropped) expected, Node node)
    {
        double size = expected.Relevance.Sum(Math.Abs) + node.Relevance[0]!.Data.Sum(Math.Abs);
        Assert.That(Deviation.Of(outcome.Relevance[0]!.Data, [.. expected.Relevance.Select(v => (float)v)]), Is.LessThanOrEqualTo(2e-5));
        Assert.That(outcome.Ledger[LedgerEntry.Bias].Sum(), Is.EqualTo(expected.Bias).Within(1e-5 * size));
        Assert.That(outcome.Ledger[LedgerEntry.Dropped].Sum(), Is.EqualTo(expected.Dropped).Within(1e-5 * size));
        Assert.That(outcome.Total, Is.EqualTo(node.Relevance[0]!.Sum).Within(1e-5 * size));
    }

    // The matrix of the layer's map, found by running it on unit vectors.
    private static Node Make(string layer, Random r, bool nonNegative, bool hasBias, out double[,] matrix)
    {
        float Value() => (float)(4 * r.NextDouble() - 2);
        long[] shape = layer == "linear" ? [3, 7] : layer == "convolution" ? [2, 4, 6] : [2, 4, 4];
        long[] kernel = layer == "linear" ? [5, 7] : layer == "convolution" ? [6, 2, 3] : [4, 3, 3];
        Values x = Values.Of(shape, _ => r.Next(6) == 0 ? 0 : nonNegative ? Math.Abs(Value()) : Value());
        Values weight = Values.Of(kernel, _ => Value());
        Tensor w = RuleCase.ToTensor(weight);
        Tensor Forward(Tensor t) => layer switch
        {
            "linear" => F.linear(t, w),
            "convolution" => F.conv1d(t, w, stride: 2, padding: 1, groups: 2),
            _ => F.conv_transpose1d(t, w, stride: 2, padding: 1, groups: 2),
        };
        Tensor y = Forward(RuleCase.ToTensor(x));
        int units = (int)y.numel(), inputs = x.Data.Length;
        matrix = new double[units, inputs];
        for (int i = 0; i < inputs; i++)
        {
            Tensor basis = zeros(inputs, float64);
            basis[i] = 1;
            double[] column = Forward(basis.reshape(shape)).contiguous().data<double>().ToArray();
            for (int j = 0; j < units; j++)
                matrix[j, i] = column[j];
        }

        Values bias = Values.Of([y.shape[1]], _ => hasBias ? Value() : 0);
        long[] perUnit = [1, -1, .. Enumerable.Repeat(1L, y.shape.Length - 2)];
        float[] output = (y + RuleCase.ToTensor(bias).reshape(perUnit)).to(float32).contiguous().data<float>().ToArray();
        return new Node(Operation(layer, shape, y.shape), [x], [Values.Of(y.shape, _ => r.Next(5) == 0 ? 0 : Value())], (int)shape[0])
        {
            Parameters = { ["weight"] = weight, ["bias"] = bias },
            Output = new Values(output, y.shape),
            NonNegative = nonNegative,
        };
    }

    private static Operation Operation(string layer, long[] input, long[] output)
    {
        Size3 one = new(1, 1, 1), two = new(1, 1, 2), pad = new(0, 0, 1), three = new(1, 1, 3);
        Size3 Length(long[] shape) => new(1, 1, (int)shape[2]);
        return layer switch
        {
            "linear" => new Linear(new LinearShape((int)input[0], (int)input[1], (int)output[1])),
            "convolution" => new Convolution(new ConvolutionShape((int)input[0], (int)input[1], (int)output[1], 2, Length(input), Length(output), three, two, pad, one), 1),
            _ => new TransposedConvolution(new ConvolutionShape((int)input[0], (int)output[1], (int)input[1], 2, Length(output), Length(input), three, two, pad, one), 1),
        };
    }
}
