using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Evaluation;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Evaluation;

/// <summary>
/// A model whose one score is the sum of w·x, so that each feature of an input of ones contributes its weight. What stands in for features is 0.
/// </summary>
internal sealed class LinearCase : IDisposable
{
    private readonly Linear linear;
    private readonly Features features;

    internal LinearCase(float[] weights, float[]? attributions = null, IExplainer? explainer = null, int samples = 1, Features? features = null)
    {
        linear = nn.Linear(weights.Length, 1, hasBias: false);
        using (no_grad())
            linear.weight!.copy_(tensor(weights).view(1, -1));
        this.features = features ?? Features.Each(weights.Length);
        Tensor given = tensor(attributions ?? weights).view(1, -1).repeat(samples, 1);
        Measurement = new Measurement(
            new ExplainedModel(linear),
            new Samples(ones(samples, weights.Length), zeros(samples, int64), zeros(1, weights.Length), this.features),
            given,
            explainer ?? new StubExplainer(_ => given.clone()));
    }

    internal Measurement Measurement { get; }

    /// <summary>The curve value that a sum of contributions gives as a probability.</summary>
    internal static double Sigmoid(double score) => 1 / (1 + Math.Exp(-score));

    /// <summary>The metric's number for the first sample.</summary>
    internal double Of(Metric metric) => metric.Measure(Measurement)[0];

    public void Dispose()
    {
        Measurement.Attributions.Dispose();
        Measurement.Samples.Dispose();
        features.Dispose();
        linear.Dispose();
    }
}
