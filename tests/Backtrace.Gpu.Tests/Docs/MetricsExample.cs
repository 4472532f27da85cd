using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation;
using Backtrace.Gpu.Evaluation.Experiments;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Docs;

/// <summary>The examples of docs/metrics.md.</summary>
public sealed class MetricsExample
{
    [NUnit.Framework.Test]
    public void Runs()
    {
        using var scope = NewDisposeScope();
        string folder = Directory.CreateTempSubdirectory("metrics").FullName;
        using var model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3));
        Tensor rows = rand(2, 4), classes = tensor(new long[] { 0, 2 });

        ExplainedModel explained = new(model); // scores of classes, [N, C]
        using Features features = Features.Each(4); // each number; Features.Pixels and Columns, GridSuperpixels and SlicSuperpixels make others
        using Samples samples = new(rows, classes, zeros(1, 4), features); // zeros stand in for what is taken away
        using IntegratedGradientsExplainer explainer = new(explained);
        using Tensor attributions = explainer.Explain(samples);
        Measurement measurement = new(explained, samples, attributions, explainer);
        foreach (Metric metric in (Metric[])[new DeltaAuc(), new Sparseness()])
            Console.WriteLine($"{metric.Name}: {string.Join(", ", metric.Measure(measurement))}");

        Experiment experiment = new(
            explained,
            [new Contestant("faithful", () => BacktraceExplainer.Faithful(explained)), new Contestant("random", () => new RandomExplainer())],
            [Gauge.Of(new DeltaAuc()), Gauge.Of(new Sparseness())],
            [new Subject("first row", samples.One(0)), new Subject("second row", samples.One(1))]);
        ExperimentResult result = experiment.Run(folder, new Settings([new("model", "mine, first version")]));
        Console.WriteLine(MarkdownTable.Of(result, random: "random"));

        Directory.Delete(folder, recursive: true);
        NUnit.Framework.Assert.That(result.Outcomes, NUnit.Framework.Has.Count.EqualTo(4));
    }
}
