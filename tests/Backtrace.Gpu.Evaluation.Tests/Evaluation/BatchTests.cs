using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Baselines.Gradients;
using Backtrace.Gpu.Tests.Support;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Evaluation;

/// <summary>What is said of a sample depends neither on the samples that it comes with nor on how many inputs the model sees at once.</summary>
public sealed class BatchTests
{
    private const double Rounding = 1e-5;

    private static readonly int[] Batches = [256, 3];

    private static readonly Dictionary<string, Func<ExplainedModel, int, IExplainer>> Explainers = new()
    {
        ["gradient"] = (m, b) => new GradientExplainer(m, new() { Batch = b }),
        ["gradient x input"] = (m, b) => new GradientTimesInputExplainer(m, b),
        ["SmoothGrad"] = (m, b) => new SmoothGradExplainer(m, new() { Draws = 7, Batch = b }),
        ["SmoothGrad squared"] = (m, b) => new SmoothGradExplainer(m, new() { Draws = 7, Kind = SmoothGradKind.Squared, Batch = b }),
        ["VarGrad"] = (m, b) => new SmoothGradExplainer(m, new() { Draws = 7, Kind = SmoothGradKind.VarGrad, Batch = b }),
        ["Integrated Gradients"] = (m, b) => new IntegratedGradientsExplainer(m, new() { Steps = 7, Baseline = Baseline.Absent, Batch = b }),
        ["GradientSHAP"] = (m, b) => new GradientShapExplainer(m, options: new() { Draws = 7, Seed = 3, Batch = b }),
        ["GradientSHAP, background"] = (m, b) => new GradientShapExplainer(m, Background(), new() { Draws = 7, Seed = 3, Batch = b }),
        ["DeepLIFT"] = (m, b) => new DeepLiftExplainer(m, new() { Batch = b }),
        ["DeepSHAP"] = (m, b) => new DeepShapExplainer(m, Background(), b),
        ["guided backpropagation"] = (m, b) => new GuidedBackpropagationExplainer(m, b),
        ["Grad-CAM"] = (m, b) => new GradCamExplainer(m, new() { Batch = b }),
        ["Grad-CAM++"] = (m, b) => new GradCamPlusPlusExplainer(m, new() { Batch = b }),
        ["LIME, pictures"] = (m, b) => LimeExplainer.Image(m, new() { Samples = 40, Superpixels = new SlicSuperpixels(6).Of, MaximumBatch = b }),
        ["LIME, presence"] = (m, b) => LimeExplainer.Presence(m, new() { Samples = 40, MaximumBatch = b }),
        ["LIME, tables"] = (m, b) => LimeExplainer.Tabular(m, Background(), new() { Samples = 40, MaximumBatch = b }),
        ["KernelSHAP"] = (m, b) => new KernelShapExplainer(m, new() { Samples = 60, Superpixels = new SlicSuperpixels(9).Of, MaximumBatch = b }),
        ["KernelSHAP, background"] = (m, b) => new KernelShapExplainer(m, new() { Samples = 60, Superpixels = new SlicSuperpixels(9).Of, Background = Background(), MaximumBatch = b }),
        ["permutations"] = (m, b) => new PermutationShapleyExplainer(m, new() { Permutations = 2, MaximumBatch = b }),
        ["exact Shapley"] = (m, b) => new ExactShapleyExplainer(m, new() { Superpixels = new GridSuperpixels(2, 3).Of, MaximumBatch = b }),
        ["ablation"] = (m, b) => new FeatureAblationExplainer(m, new() { MaximumBatch = b }),
        ["occlusion"] = (m, b) => new OcclusionExplainer(m, new() { Window = [3, 3], Strides = [2, 2], MaximumBatch = b }),
        ["random"] = (_, _) => new RandomExplainer(4),
        ["Backtrace"] = (m, _) => new BacktraceExplainer(m),
        ["faithful, absent"] = (m, _) => BacktraceExplainer.Faithful(m, baseline: Baseline.Absent),
        ["LRP"] = (m, _) => Lrp.EpsilonPlus(m),
        ["relevance maps"] = (m, _) => new RelevanceMapExplainer(m),
        ["relevance maps with detail"] = (m, _) => RelevanceMapExplainer.WithDetail(m),
        ["coalitions"] = (m, b) => new CoalitionMeanExplainer(RelevanceMapExplainer.WithDetail(m), new() { Superpixels = new GridSuperpixels(3, 3).Of, MaximumBatch = b }),
    };

    private static readonly Dictionary<string, Func<int, Metric>> Metrics = new()
    {
        ["pixel flipping"] = b => new PixelFlipping { Curve = new() { MaximumBatch = b } },
        ["MoRF"] = b => new MorfAuc { Curve = new() { MaximumBatch = b } },
        ["LeRF"] = b => new LerfAuc { Curve = new() { MaximumBatch = b } },
        ["Delta"] = b => new DeltaAuc { Curve = new() { MaximumBatch = b } },
        ["ABPC"] = b => new Abpc { Curve = new() { Output = ModelOutput.Score, MaximumBatch = b } },
        ["regions"] = b => new RegionPerturbation { PatchSize = 2, MaximumBatch = b },
        ["regions, random order"] = b => new RegionPerturbation { PatchSize = 2, Order = FeatureOrder.Random, MaximumBatch = b },
        ["ROAD"] = b => new Road { Percentages = [5, 30, 60, 80, 95], Noise = 0.5, MaximumBatch = b },
        ["ROAD, random order"] = b => new Road { Percentages = [5, 30, 60, 80, 95], Noise = 0.5, Order = FeatureOrder.Random, MaximumBatch = b },
        ["comprehensiveness"] = b => new Comprehensiveness { MaximumBatch = b },
        ["sufficiency"] = b => new Sufficiency { MaximumBatch = b },
        ["faithfulness correlation"] = b => new FaithfulnessCorrelation { Runs = 20, MaximumBatch = b },
        ["faithfulness estimate"] = b => new FaithfulnessEstimate { MaximumBatch = b },
        ["monotonicity"] = b => new Monotonicity { MaximumBatch = b },
        ["monotonicity correlation"] = b => new MonotonicityCorrelation { MaximumBatch = b },
        ["infidelity"] = b => new Infidelity { MaximumBatch = b },
        ["max sensitivity"] = b => new MaxSensitivity { Draws = 6, MaximumBatch = b },
        ["avg sensitivity"] = b => new AvgSensitivity { Draws = 6, MaximumBatch = b },
        ["Lipschitz"] = b => new LocalLipschitz { Draws = 6, MaximumBatch = b },
        ["MPRT"] = b => new Mprt { Randomisation = new() { MaximumBatch = b } },
        ["smooth MPRT"] = b => new SmoothMprt { Draws = 3, Randomisation = new() { MaximumBatch = b } },
        ["efficient MPRT"] = b => new EfficientMprt { Randomisation = new() { Absolute = false, MaximumBatch = b } },
        ["complexity"] = _ => new Complexity(),
        ["sparseness"] = _ => new Sparseness(),
    };

    [Test]
    public void AnExplanationDoesNotDependOnItsBatch([ValueSource(nameof(ExplainerNames))] string name)
    {
        using Pictures pictures = new();
        float[][][] explained = [.. Batches.Select(batch => EachOf(pictures, Explainers[name], batch))];
        using IExplainer explainer = Explainers[name](pictures.Model, 256);
        using Tensor all = explainer.Explain(pictures.Samples);
        float[][] together = [.. all.data<float>().ToArray().Chunk((int)(all.numel() / all.shape[0]))];
        double scale = together.Max(of => of.Max(Math.Abs));
        Assert.That(scale, Is.Positive);
        foreach (float[][] alone in explained)
            Assert.That(alone, Is.EqualTo(together).Within(Rounding * scale));
        for (int n = 0; n < Batches.Length; n++)
        {
            using IExplainer inParts = Explainers[name](pictures.Model, Batches[n]);
            using Tensor parts = inParts.Explain(pictures.Samples);
            Assert.That(parts.data<float>().ToArray(), Is.EqualTo(all.data<float>().ToArray()).Within(Rounding * scale), $"batches of {Batches[n]}");
        }
    }

    [Test]
    public void AScoreDoesNotDependOnItsBatch([ValueSource(nameof(MetricNames))] string name, [Values("gradient x input", "random")] string method)
    {
        using Pictures pictures = new();
        using IExplainer explainer = Explainers[method](pictures.Model, 256);
        using Tensor attributions = explainer.Explain(pictures.Samples);
        Measurement whole = new(pictures.Model, pictures.Samples, attributions, explainer);
        IReadOnlyList<double> expected = Metrics[name](Batches[0]).Measure(whole);
        Assert.That(expected, Has.None.NaN);
        foreach (int batch in Batches[1..])
            Assert.That(Metrics[name](batch).Measure(whole), Is.EqualTo(expected).Within(Rounding), $"batches of {batch}");
        for (int n = 0; n < expected.Count; n++)
        {
            using Samples one = pictures.Samples.One(n);
            using Tensor own = attributions.narrow(0, n, 1).clone();
            Assert.That(Metrics[name](Batches[0]).Measure(new(pictures.Model, one, own, explainer))[0], Is.EqualTo(expected[n]).Within(Rounding), $"sample {n} alone");
        }
    }

    [Test]
    public void ASentenceDoesNotDependOnItsBatch()
    {
        using ModelPackage package = ModelPackage.Load(Small.Bert);
        ExplainedModel model = Small.Model(package);
        using Samples sentences = Small.Sentences();
        IExplainer[] explainers =
        [
            new SmoothGradExplainer(model, new() { Draws = 5, TimesInput = true }), new GradientShapExplainer(model, options: new() { Draws = 5 }), LimeExplainer.Text(model, new() { Samples = 30 }),
            new KernelShapExplainer(model), new AttentionRolloutExplainer(model), new AttentionGradientExplainer(model), new TokenTmExplainer(model), new RandomExplainer(),
        ];
        foreach (IExplainer explainer in explainers)
        {
            using (explainer)
            {
                float[] together = Small.Explain(explainer, sentences);
                using Samples second = sentences.One(1);
                Assert.That(Small.Explain(explainer, second), Is.EqualTo(together[4..]).Within(Rounding), explainer.Name);
            }
        }

        sentences.Features.Dispose();
    }

    [Test]
    public void FeaturesWithoutEffectAreNotToldApartByRounding()
    {
        using ModelPackage package = ModelPackage.Load(Assets.Path("models", "lending-mlp"));
        ExplainedModel model = new(package.Module);
        TabularPreprocessing preprocessing = (TabularPreprocessing)package.Description.Preprocessing;
        using TabularInput table = preprocessing.Read(Assets.Path("lending_club", "lending_club.csv"));
        using Features columns = Features.Columns(preprocessing.Columns.Select(column => column.Width));
        using Tensor rows = table.Values.narrow(0, 100, 20), scores = model.ScoresInBatches(rows);
        using Samples samples = new(rows.alias(), scores.argmax(1), table.Values.narrow(0, 7, 1), columns); // which share many answers
        using GradientTimesInputExplainer explainer = new(model);
        using Tensor attributions = explainer.Explain(samples);
        Measurement measurement = new(model, samples, attributions, explainer);
        IReadOnlyList<double> whole = new MonotonicityCorrelation().Measure(measurement), parts = new MonotonicityCorrelation { MaximumBatch = 7 }.Measure(measurement);
        Assert.That(parts, Is.EqualTo(whole).Within(Rounding));
    }

    private static IEnumerable<string> ExplainerNames => Explainers.Keys;

    private static IEnumerable<string> MetricNames => Metrics.Keys;

    private static Tensor Background()
    {
        using Generator generator = new(9);
        return randn([4, 2, 6, 6], generator: generator);
    }

    private static float[][] EachOf(Pictures pictures, Func<ExplainedModel, int, IExplainer> make, int batch)
    {
        using IExplainer explainer = make(pictures.Model, batch);
        return
        [
            .. Enumerable.Range(0, (int)pictures.Samples.Count).Select(n =>
            {
                using Samples one = pictures.Samples.One(n);
                return Small.Explain(explainer, one);
            }),
        ];
    }

    /// <summary>A small network of convolutions and three pictures, parts of which are what stands in for them.</summary>
    private sealed class Pictures : IDisposable
    {
        private readonly Sequential network;
        private readonly Features features = Features.Pixels(2, 6, 6);

        internal Pictures()
        {
            using Generator generator = new(3);
            network = nn.Sequential(nn.Conv2d(2, 4, 3, padding: 1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 2));
            using (no_grad())
            {
                foreach (Parameter parameter in network.parameters())
                    parameter.copy_(randn(parameter.shape, generator: generator) * 0.3);
            }

            Model = new ExplainedModel(network);
            Tensor input = randn([3, 2, 6, 6], generator: generator);
            input.narrow(2, 0, 2).zero_();
            Samples = new Samples(input, tensor(new long[] { 0, 1, 0 }), zeros(1, 2, 6, 6), features);
        }

        internal ExplainedModel Model { get; }

        internal Samples Samples { get; }

        public void Dispose()
        {
            Samples.Dispose();
            features.Dispose();
            network.Dispose();
        }
    }
}
