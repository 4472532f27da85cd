using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Evaluation;

/// <summary>Metrics of pictures; the model's first score is a weighted sum of the pixels, the second 0.</summary>
public sealed class PictureMetricTests
{
    [Test]
    public void RegionsAreTakenAwayPatchByPatch()
    {
        // Patches of 2 x 2 pixels with contributions 4, 3, 2, 1; attributions in one corner of each.
        using Tensor weights = tensor(new float[] { 1, 1, 0, 3, 1, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1 }).view(1, 1, 4, 4), zero = zeros(1, 1, 4, 4);
        using Tensor attributions = tensor(new float[] { 9, 0, 7, 0, 0, 0, 0, 0, 5, 0, 3, 0, 0, 0, 0, 0 }).view(1, 1, 4, 4);
        using Tensor picture = ones(1, 1, 4, 4);
        using Picture model = new(weights, picture, zero, attributions);
        double P(double score) => LinearCase.Sigmoid(score);
        double morf = model.Of(new RegionPerturbation { PatchSize = 2 }), lerf = model.Of(new RegionPerturbation { PatchSize = 2, Order = FeatureOrder.LeastRelevantFirst });
        Assert.Multiple(() =>
        {
            Assert.That(morf, Is.EqualTo(P(10) - ((P(10) + P(6) + P(3) + P(1) + P(0)) / 5)).Within(1e-6));
            Assert.That(lerf, Is.EqualTo(P(10) - ((P(10) + P(9) + P(7) + P(4) + P(0)) / 5)).Within(1e-6));
            Assert.That(model.Of(new RegionPerturbation { PatchSize = 2, Regions = 1 }), Is.EqualTo((P(10) - P(6)) / 2).Within(1e-6));
            Assert.That(model.Of(new RegionPerturbation()), Is.EqualTo((P(10) - P(0)) / 2).Within(1e-6), "one patch of 8 x 8");
            Assert.That(new RegionPerturbation { PatchSize = 3 }.Curves(model.Measurement).Shares, Has.Count.EqualTo(5), "3 + 1 pixels each way");
        });
    }

    [Test]
    public void InfidelityTakesSquares()
    {
        // One score, so that it is not a probability: falls 4 3 2 1 against sums 4 3 2 2.
        using Tensor weights = tensor(new float[] { 1, 1, 0, 3, 1, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1 }).view(1, 1, 4, 4), zero = zeros(1, 1, 4, 4);
        using Tensor sums = tensor(new float[] { 4, 0, 3, 0, 0, 0, 0, 0, 2, 0, 2, 0, 0, 0, 0, 0 }).view(1, 1, 4, 4), picture = ones(1, 1, 4, 4);
        using Picture model = new(weights, picture, zero, sums);
        Assert.That(model.Of(new Infidelity { PatchSize = 2 }), Is.EqualTo(0.25).Within(1e-6));
        Assert.That(model.Of(new Infidelity { PatchSize = 1 }), Is.GreaterThan(0.25), "inside a patch they differ");
    }

    [Test]
    public void RoadStopsWhereTheDecidingPixelGoes()
    {
        using Tensor bright = zeros(1, 1, 4, 4), zero = zeros(1, 1, 4, 4);
        bright[0, 0, 1, 2] = 1;
        using Picture model = new(bright, bright, zero, bright, bias: -0.5f);
        Road morf = new() { Percentages = [0, 10, 50] };
        Assert.Multiple(() =>
        {
            Assert.That(morf.Curves(model.Measurement)[0], Is.EqualTo(new double[] { 1, 0, 0 }));
            Assert.That(model.Of(morf), Is.EqualTo(1 / 3.0).Within(1e-9));
            Assert.That(model.Of(new Road { Percentages = [0, 10, 50], Order = FeatureOrder.LeastRelevantFirst }), Is.EqualTo(1));
            Assert.That(new Road().Percentages, Has.Count.EqualTo(50).And.Member(1.0).And.Member(99.0));
            Assert.That(() => model.Of(new Road { Percentages = [100] }), Throws.ArgumentException);
        });
    }

    [Test]
    public void RoadTakesThePercentageOfPixelsAndNoFewer()
    {
        using Tensor bright = zeros(1, 1, 4, 4), zero = zeros(1, 1, 4, 4), order = arange(16, 0, -1, float32).view(1, 1, 4, 4);
        bright[0, 0, 0, 3] = 1;
        using Picture model = new(bright, bright, zero, order, bias: -0.5f);
        Road road = new() { Percentages = [18, 24, 25, 31], Noise = 0 };
        Assert.That(road.Curves(model.Measurement)[0], Is.EqualTo(new double[] { 1, 1, 0, 0 }), "the fourth pixel goes with 4 of 16");
    }

    [Test]
    public void NoiseOfRoadIsDrawnForEachPercentageWhateverTheBatch()
    {
        using Tensor flat = ones(1, 1, 4, 4), zero = zeros(1, 1, 4, 4), order = arange(16, 0, -1, float32).view(1, 1, 4, 4);
        using Picture model = new(flat, flat, zero, order);
        double[] whole = new Road { Noise = 1000 }.Curves(model.Measurement)[0], parts = new Road { Noise = 1000, MaximumBatch = 7 }.Curves(model.Measurement)[0];
        Assert.Multiple(() =>
        {
            Assert.That(whole.Distinct().Count(), Is.EqualTo(2), "loud noise decides");
            Assert.That(parts, Is.EqualTo(whole));
            Assert.That(new Road { Noise = 0 }.Curves(model.Measurement)[0], Is.All.EqualTo(1));
        });
    }

    [Test]
    public void ImputationContinuesAPlaneAndAveragesNeighbours()
    {
        using Tensor plane = arange(8, float32).view(1, 8) + (3 * arange(8, float32).view(8, 1));
        using Tensor picture = stack([plane, -2 * plane]).unsqueeze(0), inside = ones(1, 1, 8, 8, ScalarType.Bool), border = ones(1, 1, 8, 8, ScalarType.Bool);
        inside[0, 0, TensorIndex.Slice(2, 6), TensorIndex.Slice(1, 7)] = false;
        border[0, 0, 0, 0] = false;
        using Tensor damaged = picture.masked_fill(inside.logical_not(), 99), filled = LinearImputation.Fill(damaged, inside), corner = LinearImputation.Fill(picture, border);
        Assert.Multiple(() =>
        {
            Assert.That(damaged.allclose(picture), Is.False);
            Assert.That(filled.allclose(picture, 1e-4, 1e-4), Is.True, "a plane is the mean of its neighbours");
            // Right of the corner 1 and below 3, 1/6 each; at its own corner 4, 1/12: (1/6 + 3/6 + 4/12) / (5/12).
            Assert.That(corner[0, 0, 0, 0].item<float>(), Is.EqualTo(2.4f).Within(1e-5));
        });
    }

    [Test]
    public void ImputationFillsAlmostEverything()
    {
        using Tensor picture = full([1, 3, 32, 32], 0.7f), known = zeros(1, 1, 32, 32, ScalarType.Bool);
        known[0, 0, 31, 0] = true;
        using Tensor filled = LinearImputation.Fill(picture.masked_fill(known.logical_not(), 0), known);
        Assert.That(filled.allclose(picture, 1e-4, 1e-4), Is.True);
    }

    [Test]
    public void ImputationSolvesItsEquations()
    {
        using Generator generator = new();
        generator.manual_seed(5);
        using Tensor picture = rand([2, 1, 9, 7], generator: generator), known = rand([2, 1, 9, 7], generator: generator) < 0.3;
        using Tensor filled = LinearImputation.Fill(picture, known), neighbours = Neighbours(filled), own = picture.sub(neighbours).masked_select(known.logical_not());
        using Tensor error = filled.sub(neighbours).masked_select(known.logical_not());
        Assert.Multiple(() =>
        {
            Assert.That(error.abs().max().item<float>(), Is.LessThan(1e-4));
            Assert.That(own.abs().max().item<float>(), Is.GreaterThan(0.1), "what was there before does not");
            Assert.That(filled.masked_select(known).Equals(picture.masked_select(known)), Is.True);
        });

        // The weighted mean over the neighbours that there are, pixel by pixel.
        static Tensor Neighbours(Tensor of)
        {
            Tensor means = zeros_like(of);
            for (int n = 0; n < of.shape[0]; n++)
            {
                for (int y = 0; y < of.shape[2]; y++)
                {
                    for (int x = 0; x < of.shape[3]; x++)
                    {
                        double sum = 0, weights = 0;
                        for (int dy = -1; dy <= 1; dy++)
                        {
                            for (int dx = -1; dx <= 1; dx++)
                            {
                                if ((dx, dy) == (0, 0) || y + dy < 0 || x + dx < 0 || y + dy >= of.shape[2] || x + dx >= of.shape[3])
                                    continue;
                                double weight = dx * dy == 0 ? 2 : 1;
                                sum += weight * of[n, 0, y + dy, x + dx].item<float>();
                                weights += weight;
                            }
                        }

                        means[n, 0, y, x] = (float)(sum / weights);
                    }
                }
            }

            return means;
        }
    }

    private sealed class Picture : IDisposable
    {
        private readonly Sequential network;
        private readonly Features features;

        internal Picture(Tensor weights, Tensor picture, Tensor absent, Tensor attributions, float bias = 0)
        {
            Linear linear = nn.Linear(weights.numel(), 2);
            using (no_grad())
            {
                linear.weight!.copy_(cat([weights.view(1, -1), zeros(1, weights.numel())]));
                linear.bias!.copy_(tensor(new[] { bias, 0 }));
            }

            network = nn.Sequential(nn.Flatten(), linear);
            features = Features.Pixels(1, picture.shape[2], picture.shape[3]);
            Measurement = new Measurement(new ExplainedModel(network), new Samples(picture, zeros(1, int64), absent, features), attributions, StubExplainer.Random());
        }

        internal Measurement Measurement { get; }

        internal double Of(Metric metric) => metric.Measure(Measurement)[0];

        public void Dispose()
        {
            Measurement.Samples.Targets.Dispose();
            features.Dispose();
            network.Dispose();
        }
    }
}
