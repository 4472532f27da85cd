using Backtrace.Gpu.Targets;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Tests.Engine;

/// <summary>Inputs that cannot be explained end in an exception that says why, and the next explanation works.</summary>
public sealed class HostileInputTests
{
    private static readonly (string Reason, Func<Tensor> Input)[] Unusable =
    [
        ("is complex", () => complex(randn(2, 4), randn(2, 4))),
        ("is sparse", () => randn(2, 4).to_sparse()),
        ("has no values", () => empty(2, 4, device: META)),
        ("was disposed", () =>
        {
            Tensor gone = ones(2, 4);
            gone.Dispose();
            return gone;
        }),
        ("is null", () => null!),
        ("boolean", () => ones(2, 4, dtype: ScalarType.Bool)),
    ];

    private static IEnumerable<string> Reasons => Unusable.Select(u => u.Reason);

    [TestCase(float.NaN)]
    [TestCase(float.NegativeInfinity)]
    public void BrokenInputsAreRefused(float value)
    {
        using Sequential model = SmallModel.Create();
        using Tensor input = ones(2, 4);
        input[1, 2] = value;
        using Tensor strided = input.t().contiguous().t();
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        Assert.That(() => backtracer.Explain(input, Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.Contains("Input 0"));
        Assert.That(() => backtracer.Explain(strided, Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.Contains("Input 0"));
    }

    [Test]
    public void BrokenSamplesAreNamed()
    {
        using var scope = NewDisposeScope();
        using Net model = new(x => (x + 1).log());
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        Tensor one = ones(5, 2, 3), two = ones(5, 2, 3), undefined = ones(5, 4);
        one[3, 1, 2] = float.NaN;
        two[1, 0, 0] = two[4, 0, 0] = two[4, 1, 1] = float.PositiveInfinity;
        undefined[2, 1] = -2;
        Assert.That(() => backtracer.Explain(one, Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.Contains("Input 0 contains NaN or infinity, in sample 3.").And.Property("Sample").EqualTo(3));
        Assert.That(() => backtracer.Explain(two, Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.Contains("in 2 samples, the first of which is 1.").And.Property("Sample").EqualTo(1));
        Assert.That(() => backtracer.Explain(undefined, Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.Contains("output holds NaN or infinity, in sample 2.").And.Property("Sample").EqualTo(2));
    }

    [TestCaseSource(nameof(Reasons))]
    public void InputsThatCannotBeExplainedSayWhy(string reason)
    {
        using var scope = NewDisposeScope();
        using Sequential model = SmallModel.Create();
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        Tensor input = Unusable.Single(u => u.Reason == reason).Input();
        Assert.That(() => backtracer.Explain(input, Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.Contains(reason));
        SmallModel.AssertIsExplainedBy(backtracer);
    }

    [Test]
    public void ASampleWithoutBatchAxisIsRefused()
    {
        using Sequential model = SmallModel.Create();
        using Tensor sample = ones(4), scalar = tensor(3f);
        using Net doubling = new(x => x * 2);
        Assert.That(() => Explaining.Explain(model, sample, Target.Argmax()), Throws.TypeOf<TargetException>().With.Message.Contains("[3] for [4]").And.Message.Contains("unsqueeze(0)"));
        using Tensor batch = ones(3, 4);
        using Net summing = new(x => x.sum(1));
        using Explanation perSample = Explaining.Explain(summing, batch, Target.SingleOutput());
        Assert.That(perSample.Ledger.Start.Sum(), Is.EqualTo(3), "a number per sample is an output");
        Assert.That(() => Explaining.Explain(doubling, scalar, Target.Argmax()), Throws.TypeOf<TargetException>().With.Message.StartsWith("Argmax() needs an output with a batch axis"));
    }

    [Test]
    public void OneTensorAsTwoInputsIsRefused()
    {
        using Backtracer backtracer = new(null, x => [x[0] * x[1] + x[2]], TestDevices.Get("cpu"));
        using Tensor a = ones(2, 4), b = ones(2, 4), view = a.alias();
        Assert.That(() => backtracer.Explain([a, b, a], Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.StartsWith("Inputs 0 and 2 are one tensor"));
        using Explanation e = backtracer.Explain([a, b, view], Target.Argmax());
        Assert.That(e.Inputs, Has.Count.EqualTo(3));
    }

    [Test]
    public void EmptyBatchesAndNoInputsAreRefused()
    {
        using Sequential model = SmallModel.Create();
        using Tensor empty = zeros(0, 4);
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        Assert.That(() => backtracer.Explain(empty, Target.Argmax()), Throws.TypeOf<InvalidModelException>().With.Message.Contains("[0, 4]"));
        Assert.That(() => backtracer.Explain([], Target.Argmax()), Throws.TypeOf<InvalidModelException>());
        Assert.That(() => backtracer.Explain([empty], []), Throws.InstanceOf<ArgumentException>());
    }

    [Test]
    public void WrongShapesNameTheLayerAndTheShapes()
    {
        using Sequential inner = SmallModel.Create();
        using Net model = new(x => inner.call(x.relu()), ("body", inner));
        using Backtracer backtracer = new(model, TestDevices.Get("cpu"));
        using Tensor wrong = randn(2, 5);
        Assert.That(() => backtracer.Explain(wrong, Target.Argmax()), Throws.TypeOf<InvalidModelException>()
            .With.Message.Contains("body.first").And.Message.Contains("[2, 5]").And.Message.EndsWith("cannot be multiplied (2x5 and 4x6)"));
        SmallModel.AssertIsExplainedBy(backtracer);
    }
}
