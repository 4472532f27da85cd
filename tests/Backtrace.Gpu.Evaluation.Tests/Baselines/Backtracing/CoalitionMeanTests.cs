using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Tests.Baselines.Gradients;
using Backtrace.Gpu.Tests.Support;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Baselines.Backtracing;

public sealed class CoalitionMeanTests
{
    // What else is present changes nothing, so that the mean is what one explanation has.
    [Test]
    public void OfALinearModelItIsOneExplanation()
    {
        using nn.Module<Tensor, Tensor> net = Small.Linear(new float[,] { { 2, -3, 5 } }, [1]);
        using Samples samples = new(tensor(new float[,] { { 4, 0, 1 } }), tensor(new long[] { 0 }), tensor(new float[,] { { 1, 2, 1 } }), Features.Each(3));
        using CoalitionMeanExplainer explainer = new(BacktraceExplainer.Faithful(new ExplainedModel(net), baseline: Baseline.Absent));
        Assert.That(Deviation.Of(Small.Explain(explainer, samples), [6, 6, 0]), Is.LessThan(1e-5));
    }

    // max(a + b - 3, 0) at 2, 2 from 0, 0: each has a relevance of 2 while the other is there, and none alone.
    [Test]
    public void OfAnInteractionItCountsTheCoalitionsWithoutThePartner()
    {
        using nn.Module<Tensor, Tensor> net = nn.Sequential(("sum", nn.Linear(2, 1)), ("cut", nn.ReLU()), ("head", nn.Linear(1, 1, hasBias: false)));
        using (no_grad())
        {
            net.get_parameter("sum.weight")!.fill_(1);
            net.get_parameter("sum.bias")!.fill_(-3);
            net.get_parameter("head.weight")!.fill_(1);
        }

        using Samples samples = new(full([1, 2], 2f), tensor(new long[] { 0 }), zeros(1, 2), Features.Each(2));
        using Recorder inner = new(BacktraceExplainer.Faithful(new ExplainedModel(net)));
        using CoalitionMeanExplainer explainer = new(inner, new CoalitionMeanOptions { Coalitions = 8, AbsentShare = 0.5, Seed = 3 });
        float[] means = Small.Explain(explainer, samples);
        int both = inner.Inputs.Count(row => row is [2, 2]);
        Assert.That(both, Is.InRange(1, 3));
        Assert.That(means, Is.EqualTo(new[] { 2f * both / 4, 2f * both / 4 }).Within(1e-4f), "each is in four coalitions");
    }

    [Test]
    public void EveryFeatureIsAbsentAsOftenAndSomeEntriesNever()
    {
        using Samples tokens = new(tensor(new long[] { 7, 8, 9, 10 }, [1, 4]), tensor(new long[] { 0 }), tensor(new long[] { 3 }, [1, 1]), new Features(tensor(new long[] { -1, 0, 1, 1 })));
        using Recorder inner = new(new Same());
        using CoalitionMeanExplainer explainer = new(inner, new CoalitionMeanOptions { Coalitions = 10, AbsentShare = 0.3, MaximumBatch = 4 });
        float[] means = Small.Explain(explainer, tokens);
        Assert.Multiple(() =>
        {
            Assert.That(means, Is.EqualTo(new float[] { 7, 8, 9, 10 }), "an entry counts where it is present");
            Assert.That(inner.Inputs, Has.Count.EqualTo(10));
            Assert.That(inner.Batches, Is.EqualTo(new[] { 4L, 4, 2 }));
            Assert.That(Enumerable.Range(0, 4).Select(entry => inner.Inputs.Count(row => row[entry] == 3)), Is.EqualTo(new[] { 0, 3, 3, 3 }));
            Assert.That(inner.Inputs.Where(row => row[2] == 3 != (row[3] == 3)), Is.Empty, "one feature");
            Assert.That(inner.Inputs.Where(row => row[1] == 3 != (row[2] == 3)), Is.Not.Empty, "two features");
        });
    }

    [Test]
    public void TilesVanishAsAWhole()
    {
        using Samples picture = new(rand(1, 2, 4, 4) + 1, tensor(new long[] { 0 }), zeros(1, 2, 4, 4), Features.Pixels(2, 4, 4));
        using Recorder inner = new(new Same());
        using CoalitionMeanExplainer explainer = new(inner, new CoalitionMeanOptions { Superpixels = new GridSuperpixels(2, 2).Of });
        Small.Explain(explainer, picture);
        int[][] tiles = [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]];
        Assert.That(
            inner.Inputs.SelectMany(row => tiles.Select(tile => tile.SelectMany(pixel => new[] { row[pixel], row[16 + pixel] }).Count(value => value == 0))),
            Is.All.EqualTo(0).Or.EqualTo(8));
    }

    [Test]
    public void SettingsAreChecked() => Assert.Multiple(() =>
    {
        Assert.That(() => new CoalitionMeanOptions { Coalitions = 1 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new CoalitionMeanOptions { AbsentShare = 1 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new CoalitionMeanOptions { AbsentShare = double.NaN }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new CoalitionMeanOptions { MaximumBatch = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
    });

    /// <summary>Attributions that equal the input.</summary>
    private sealed class Same : IExplainer
    {
        public string Name => "same";

        public Tensor Explain(Samples samples, CancellationToken cancellation = default) => samples.Input.to(float32, copy: true).DetachFromDisposeScope();

        public void Dispose()
        {
        }
    }

    /// <summary>Keeps what another explainer is asked to explain.</summary>
    private sealed class Recorder(IExplainer inner) : IExplainer
    {
        public string Name => inner.Name;

        public List<float[]> Inputs { get; } = [];

        public List<long> Batches { get; } = [];

        public Tensor Explain(Samples samples, CancellationToken cancellation = default)
        {
            Batches.Add(samples.Count);
            for (long i = 0; i < samples.Count; i++)
                Inputs.Add(Small.Numbers(samples.Input[i].to(float32)));
            return inner.Explain(samples, cancellation);
        }

        public void Dispose() => inner.Dispose();
    }
}
