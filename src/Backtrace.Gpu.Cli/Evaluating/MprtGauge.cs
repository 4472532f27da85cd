using Backtrace.Gpu.Evaluation;
using Backtrace.Gpu.Evaluation.Experiments;

namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>
/// The model parameter randomisation test of a network whose layers are few, a column for each layer: how alike the explanation stays once this layer and all
/// after it are random.
/// </summary>
internal static class MprtGauge
{
    /// <param name="layers">Paths of the layers, first to last.</param>
    /// <param name="seed">Seed of the random layers.</param>
    internal static Gauge Create(IReadOnlyList<string> layers, int seed)
    {
        Mprt metric = new() { Randomisation = new RandomisationOptions { Layers = layers, Seed = seed } };
        return new Gauge([.. layers.Select(layer => new Column($"MPRT {layer}", metric.Better, HasChance: false))], (measurement, cancellation) =>
        {
            RandomisationCurve curve = metric.Curves(measurement, cancellation);
            Dictionary<string, double> values = curve.Layers.Zip(curve.Values[0]).ToDictionary(pair => pair.First, pair => pair.Second);
            return new GaugeReading([.. layers.Select(layer => values[layer])], new Dictionary<string, IReadOnlyList<double>>());
        });
    }
}
