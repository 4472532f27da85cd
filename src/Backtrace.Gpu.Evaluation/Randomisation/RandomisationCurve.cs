using Backtrace.Gpu.Baselines;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Evaluation;

/// <summary>How similar explanations stay to the original ones while a model's layers become random.</summary>
/// <param name="Layers">The layer that became random at each point.</param>
/// <param name="Values">For each sample the Spearman correlation at each point; NaN where an explanation is constant.</param>
public sealed record RandomisationCurve(IReadOnlyList<string> Layers, IReadOnlyList<double[]> Values)
{
    /// <summary>Mean over the samples at each point, NaN left out.</summary>
    public double[] Mean => [.. Layers.Select((_, i) => Average(Values.Select(of => of[i])))];

    /// <summary>Mean over the points of each sample, NaN left out.</summary>
    public double[] PerSample => [.. Values.Select(Average)];

    /// <summary>Randomises, explains again and compares; the model's parameters are bit for bit what they were afterwards, also when the explainer throws.</summary>
    /// <param name="measurement">Model and samples.</param>
    /// <param name="options">Layers, order, seed.</param>
    /// <param name="original">Explanations of the untouched model.</param>
    /// <param name="explain">Explains the samples by the model as it is now.</param>
    /// <param name="cancellation">Looked at before each layer.</param>
    internal static RandomisationCurve Measure(
        Measurement measurement, RandomisationOptions options, Tensor original, Func<Tensor> explain, CancellationToken cancellation)
    {
        double[][] before = PerFeature(original);
        using RandomisedParameters parameters = new(measurement.Model, options.Layers, options.Seed);
        int[] order = [.. Enumerable.Range(0, parameters.Layers.Count)];
        if (options.Order != LayerOrder.BottomUp)
            Array.Reverse(order);
        double[][] values = [.. before.Select(_ => new double[order.Length])];
        for (int point = 0; point < order.Length; point++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (options.Order == LayerOrder.Independent)
                parameters.Restore();
            parameters.Randomise(order[point]);
            using Tensor explained = explain();
            double[][] after = PerFeature(explained);
            for (int n = 0; n < values.Length; n++)
                values[n][point] = Correlation.Spearman(before[n], after[n]);
        }

        return new RandomisationCurve([.. order.Select(layer => parameters.Layers[layer])], values);

        double[][] PerFeature(Tensor attributions)
        {
            double[][] sums = Attributions.PerFeature(attributions, measurement.Samples.Input, measurement.Samples.Features);
            return options.Absolute ? [.. sums.Select(of => of.Select(Math.Abs).ToArray())] : sums;
        }
    }

    private static double Average(IEnumerable<double> values) => values.Where(v => !double.IsNaN(v)).DefaultIfEmpty(double.NaN).Average();
}
