using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Kernels.Rules.Lrp;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Rules;

/// <summary>The epsilon rule of what has no weights, against the gradients of torch in float64.</summary>
public sealed class LrpRuleTests
{
    private static readonly RuleSet Rules = RuleSet.LrpEpsilon(0);

    // Their forward passes are linear maps with weights ≥ 0: x · Mᵀ(R / Mx).
    private static IEnumerable<TestCaseData> Linear() =>
        from name in new[] { "average pool", "adaptive average pool", "sum over axes", "upsample" }
        from device in TestDevices.All
        select new TestCaseData(name, device);

    private static IEnumerable<string> Devices => TestDevices.All;

    [TestCaseSource(nameof(Linear))]
    public void LinearMapsShareWithSigns(string name, string device) => ForRandom(device == "cpu" ? 25 : 6, random =>
    {
        RuleCase rule = RuleCases.Make(name, random);
        if (rule.Operation is Upsample { IsCopy: true })
            return;
        Node node = rule.Node(random);
        Tensor x = RuleCase.ToTensor(node.Inputs[0]), y = rule.Forward([x])[0];
        node = WithRelevance(node, random, y, rule.Forward([x.abs()])[0]);
        Outcome outcome = RuleRunner.Run(TestDevices.Get(device), node, Rules);
        AssertProportional(outcome, node, rule.Forward);
    });

    [Test]
    public void SumsShareWithSigns([ValueSource(nameof(Devices))] string device) => ForRandom(device == "cpu" ? 40 : 6, random =>
    {
        RuleCase rule = RuleCases.Make(random.Next(2) == 0 ? "add" : "add pair", random);
        Add add = (Add)rule.Operation with { Constant = random.Next(3) == 0 ? -0.7f : 0 };
        Tensor Forward(Tensor[] t) => t.Select((v, k) => v * add.Addends[k].Scale).Aggregate((a, b) => a + b).expand(rule.Inputs[0]) + add.Constant;
        Node node = rule.Node(random) with { Operation = add };
        Tensor[] x = [.. node.Inputs.Select(RuleCase.ToTensor)];
        Tensor mass = x.Select((v, k) => v.abs() * Math.Abs(add.Addends[k].Scale)).Aggregate((a, b) => a + b).expand(rule.Inputs[0]) + Math.Abs(add.Constant);
        node = WithRelevance(node, random, Forward(x), mass);
        AssertProportional(RuleRunner.Run(TestDevices.Get(device), node, Rules), node, t => [Forward(t)]);
    });

    [Test]
    public void ConstantOperandsTakeTheirSignedShare()
    {
        Node node = new(new Add([new Addend(), new Addend(-1, IsConstant: true)], 2), [new Values([6, 1], 1, 2), new Values([3, 1], 1, 2)], [new Values([10, 4], 1, 2)], 1);
        Outcome outcome = RuleRunner.Run(TestDevices.Get("cpu"), node, Rules);

        // 6 − 3 + 2 = 5 and 1 − 1 + 2 = 2.
        Assert.That(outcome.Relevance[0]!.Data, Is.EqualTo(new[] { 12f, 2f }).Within(1e-5));
        Assert.That(outcome.Ledger[LedgerEntry.Constant][0], Is.EqualTo(-6 + 4 - 2 + 4).Within(1e-5));
    }

    [Test]
    public void MatrixProductsShareWithSignsInHalves([ValueSource(nameof(Devices))] string device) => ForRandom(device == "cpu" ? 30 : 6, random =>
    {
        RuleCase rule = RuleCases.Make("matrix product", random);
        MatrixProduct product = (MatrixProduct)rule.Operation;
        Node node = rule.Node(random);
        Tensor[] x = [.. node.Inputs.Select(v => RuleCase.ToTensor(v).requires_grad_())];
        Tensor y = x[0].matmul(x[1]);
        node = WithRelevance(node, random, y.detach(), x[0].detach().abs().matmul(x[1].detach().abs()));
        Tensor shares = where(RuleCase.ToTensor(node.Relevance[0]!) == 0, 0, RuleCase.ToTensor(node.Relevance[0]!) / y.detach());
        IList<Tensor> gradients = autograd.grad([y], x, [shares]);
        Outcome outcome = RuleRunner.Run(TestDevices.Get(device), node, Rules);
        double part = product.FirstIsDynamic && product.SecondIsDynamic ? 0.5 : 1;
        for (int k = 0; k < 2; k++)
        {
            if (outcome.Relevance[k] is { } actual)
                AssertClose(actual.Data, x[k].detach() * gradients[k] * part, $"input {k} of {product}");
        }

        double size = outcome.Relevance.Sum(r => r?.Data.Sum(v => (double)Math.Abs(v)) ?? 0);
        Assert.That(outcome.Total, Is.EqualTo(node.Relevance[0]!.Sum).Within(1e-5 * Math.Max(size, 1)));
    });

    [Test]
    public void SoftmaxSharesByItsTaylorDecomposition([ValueSource(nameof(Devices))] string device, [Values(0, 1, -1)] int axis)
    {
        using var scope = NewDisposeScope();
        Random random = new(axis + 3);
        Values x = Values.Of([3, 4, 5], _ => random.NextSingle() * 4 - 2), relevance = Values.Of([3, 4, 5], _ => random.NextSingle() - 0.3f);
        for (int k = 0; k < 4; k++)
            x.Data[random.Next(60)] = float.NegativeInfinity;
        Tensor input = RuleCase.ToTensor(x), r = RuleCase.ToTensor(relevance), s = input.softmax(axis);
        Node node = new(new Softmax(axis, "softmax"), [x], [relevance], 3) { Output = new Values([.. s.contiguous().data<double>().Select(v => (float)v)], 3, 4, 5) };
        Outcome outcome = RuleRunner.Run(TestDevices.Get(device), node, RuleSet.AttnLrp());
        Tensor expected = where(input == double.NegativeInfinity, 0, input) * (r - s * r.sum(axis, keepdim: true));
        AssertClose(outcome.Relevance[0]!.Data, expected, "softmax");
        Assert.That(outcome.Total, Is.EqualTo(relevance.Sum).Within(1e-4));
        Assert.That(RuleRunner.Run(TestDevices.Get(device), node, RuleSet.LrpEpsilon()).Relevance[0]!.Data, Is.EqualTo(relevance.Data), "an identity elsewhere");
    }

    [Test]
    public void BatchNormalisationKeepsWhatItsShiftTakes([ValueSource(nameof(Devices))] string device)
    {
        // y = 2x − 3 = 5 and −7 in the first channel, −x + 1 = −1 and 3 in the second.
        Node node = new(new BatchNormalisation(1e-5), [new Values([4, -2, 2, -2], 1, 2, 2)], [new Values([5, 7, 1, 3], 1, 2, 2)], 1)
        {
            Parameters = { ["scale"] = new Values([2, -1], 2), ["shift"] = new Values([-3, 1], 2) },
            Output = new Values([5, -7, -1, 3], 1, 2, 2),
        };
        Outcome outcome = RuleRunner.Run(TestDevices.Get(device), node, RuleSet.LrpEpsilon(0));
        Assert.That(outcome.Relevance[0]!.Data, Is.EqualTo(new float[] { 8, 4, 2, 2 }).Within(1e-5));
        Assert.That(outcome.Ledger[LedgerEntry.Bias][0], Is.EqualTo(-3 + 3 - 1 + 1).Within(1e-5));
        Assert.That(RuleRunner.Run(TestDevices.Get(device), node).Relevance[0]!.Data, Is.EqualTo(node.Relevance[0]!.Data), "an identity elsewhere");
    }

    [Test]
    public void AttnLrpSharesWhatMeanAndBiasOfLayerNormalisationTake([ValueSource(nameof(Devices))] string device)
    {
        // The mean is 2 and the deviation too: y = 3·1 + 1 = 4 and 1·(−1) = −1, so that R/y = 2 and −1, weighted by w/σ: 3 and −0.5, whose mean is 1.25.
        Node node = new(new LayerNormalisation(2, 0), [new Values([4, 0], 1, 2)], [new Values([8, 1], 1, 2)], 1)
        {
            Parameters = { ["weight"] = new Values([3, 1], 2), ["bias"] = new Values([1, 0], 2) },
            Output = new Values([4, -1], 1, 2),
        };
        Outcome outcome = RuleRunner.Run(TestDevices.Get(device), node, RuleSet.AttnLrp());
        Assert.That(outcome.Relevance[0]!.Data, Is.EqualTo(new float[] { 4 * (3 - 1.25f), 0 }).Within(1e-4));
        Assert.That(outcome.Ledger[LedgerEntry.Bias][0], Is.EqualTo(1 * 2).Within(1e-4));
        Assert.That(RuleRunner.Run(TestDevices.Get(device), node, RuleSet.LrpEpsilon()).Relevance[0]!.Data, Is.EqualTo(node.Relevance[0]!.Data), "an identity elsewhere");
    }

    // Signed relevance, none where the contributions of a unit nearly cancel: there, rounding decides.
    private static Node WithRelevance(Node node, Random random, Tensor y, Tensor mass)
    {
        bool[] counts = [.. (y.abs() > mass * 0.05).contiguous().data<bool>()];
        return node with { Relevance = [Values.Of(y.shape, i => counts[i] ? random.NextSingle() - 0.4f : 0)], OutputShapes = [y.shape] };
    }

    private static void AssertProportional(Outcome outcome, Node node, Func<Tensor[], Tensor[]> forward)
    {
        Tensor[] x = [.. node.Inputs.Select(v => RuleCase.ToTensor(v).requires_grad_())];
        Tensor y = forward(x)[0], relevance = RuleCase.ToTensor(node.Relevance[0]!);
        Tensor shares = where(relevance == 0, 0, relevance / y.detach());
        IList<Tensor> gradients = autograd.grad([y], x, [shares], allow_unused: true);
        for (int k = 0; k < x.Length; k++)
        {
            if (!gradients[k].IsInvalid)
                AssertClose(outcome.Relevance[k]!.Data, x[k].detach() * gradients[k], $"input {k} of {node.Operation}");
        }

        double size = outcome.Relevance.Sum(r => r!.Data.Sum(v => (double)Math.Abs(v)));
        Assert.That(outcome.Total, Is.EqualTo(node.Relevance[0]!.Sum).Within(2e-5 * Math.Max(size, 1)), $"{node.Operation}");
    }

    private static void AssertClose(float[] actual, Tensor expected, string what)
    {
        float[] wanted = [.. expected.detach().contiguous().data<double>().Select(v => (float)v)];
        if (wanted.Length > 0)
            Assert.That(Deviation.Of(actual, wanted), Is.LessThanOrEqualTo(5e-5), what);
    }

    private static void ForRandom(int count, Action<Random> check) => Prop.ForAll(Arb.From(Gen.Choose(0, int.MaxValue - 1)), seed =>
    {
        using var scope = NewDisposeScope();
        check(new Random(seed));
    }).Check(Seeded.Cases(count));
}
