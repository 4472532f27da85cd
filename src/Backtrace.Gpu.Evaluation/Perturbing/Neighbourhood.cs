using Backtrace.Gpu.Baselines;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Evaluation;

/// <summary>Explains inputs in the neighbourhood of each sample.</summary>
/// <param name="metric">Name for messages.</param>
/// <param name="draws">Neighbours of a sample.</param>
/// <param name="seed">Of the changes.</param>
/// <param name="maximumBatch">Most inputs that are explained at a time.</param>
internal sealed class Neighbourhood(string metric, int draws, int seed, int maximumBatch)
{
    /// <summary>For each sample and neighbour ‖a(x + u) − a(x)‖ / ‖a(x)‖, u uniform; NaN where a(x) is all 0, whatever a(x + u) is.</summary>
    internal double[][] Sensitivities(Measurement measurement, double radius, CancellationToken cancellation) => Measure(
        measurement,
        (shape, generator) => (rand(shape, generator: generator) * (2 * radius)) - radius,
        (_, before, after) => ((after - before).norm(1) / before.norm(1)).masked_fill(before.norm(1) == 0, double.NaN),
        cancellation);

    /// <summary>A number for each sample and neighbour.</summary>
    /// <param name="measurement">Samples and their explanations.</param>
    /// <param name="draw">Changes of the input, of a given shape.</param>
    /// <param name="compare">From changes [B, M], the explanation of the sample [1, M] and those of its neighbours [B, M] to numbers, [B].</param>
    /// <param name="cancellation">Looked at between explanations.</param>
    internal double[][] Measure(
        Measurement measurement, Func<long[], Generator, Tensor> draw, Func<Tensor, Tensor, Tensor, Tensor> compare, CancellationToken cancellation)
    {
        if (measurement.Model.TakesTokens)
            throw new ExplainerException($"{metric} moves inputs a little, which is not defined for tokens: leave it out for token models.");
        if (draws < 1 || maximumBatch < 1)
            throw new ArgumentException($"{metric}: Draws and MaximumBatch are at least 1.");
        using Generator noise = new();
        double[][] numbers = new double[measurement.Samples.Count][];
        for (int n = 0; n < numbers.Length; n++)
        {
            noise.manual_seed(seed); // the same changes for each sample, so that its number does not depend on its neighbours in the batch
            List<double> ofSample = [];
            using DisposeScope ofDraws = NewDisposeScope();
            Tensor all = draw([draws, .. measurement.Samples.Input.shape[1..]], noise);
            for (int done = 0; done < draws; done += maximumBatch)
            {
                cancellation.ThrowIfCancellationRequested();
                using DisposeScope scope = NewDisposeScope();
                using Samples sample = measurement.Samples.One(n);
                int count = Math.Min(maximumBatch, draws - done);
                Tensor changes = all.narrow(0, done, count).to(sample.Input.device);
                using Samples neighbours = sample with { Input = (sample.Input + changes).to(sample.Input.dtype), Targets = sample.Targets.repeat(count), Absent = sample.Absent.alias() };
                using Tensor after = measurement.Explainer.Explain(neighbours, cancellation);
                using Tensor before = measurement.Attributions.narrow(0, n, 1);
                ofSample.AddRange(compare(changes.flatten(1), before.flatten(1), after.flatten(1)).to(float64).cpu().data<double>());
            }

            numbers[n] = [.. ofSample];
        }

        return numbers;
    }
}
