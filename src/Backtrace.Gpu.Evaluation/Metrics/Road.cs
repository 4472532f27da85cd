using Backtrace.Gpu.Baselines;
using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// Remove and debias (Rong et al. 2022, arXiv 2202.00449): how often the model still answers the target while more and more pixels, most relevant first, are
/// replaced by the weighted mean of their neighbours plus noise, so that the shape of what is missing tells the model nothing. Mean over the percentages.
/// Defaults of Quantus' <c>ROAD</c>: percentages 1, 3, ..., 99, noise = 0.01 (in the units of the model's input). There the mean is over samples for each
/// percentage: see <see cref="Curves"/>.
/// </summary>
public sealed class Road : Metric
{
    /// <summary>Percentages of the pixels that are replaced; rounded down to whole pixels.</summary>
    public IReadOnlyList<double> Percentages { get; init; } = [.. Enumerable.Range(0, 50).Select(i => (2.0 * i) + 1)];

    /// <summary>Standard deviation of the noise.</summary>
    public double Noise { get; init; } = 0.01;

    /// <summary>Which pixels go first.</summary>
    public FeatureOrder Order { get; init; } = FeatureOrder.MostRelevantFirst;

    /// <summary>Seed of the noise and of a random order.</summary>
    public int Seed { get; init; }

    /// <summary>Most inputs in one forward pass.</summary>
    public int MaximumBatch { get; init; } = 256;

    /// <inheritdoc/>
    public override string Name => "ROAD";

    /// <inheritdoc/>
    public override Better Better => Order switch
    {
        FeatureOrder.MostRelevantFirst => Better.Lower,
        FeatureOrder.LeastRelevantFirst => Better.Higher,
        _ => Better.Neither,
    };

    /// <summary>For each sample, for each percentage, whether the model still answers the target: 1 or 0; NaN where attributions are NaN.</summary>
    /// <exception cref="ExplainerException">Inputs are no pictures.</exception>
    /// <exception cref="ArgumentException">A percentage is not from 0 to below 100.</exception>
    public IReadOnlyList<double[]> Curves(Measurement measurement, CancellationToken cancellation = default)
    {
        if (Percentages.Any(p => p is not (>= 0 and < 100)))
            throw new ArgumentException("Percentages of ROAD are at least 0 and below 100: some pixel has to be left.");
        using Features pixels = Patches.Of(measurement, 1, Name);
        double[][] attributions = Attributions.PerFeature(Patches.Measure(measurement, pixels));
        return [.. attributions.Select((of, n) => Order != FeatureOrder.Random && of.Any(double.IsNaN)
            ? [.. Percentages.Select(_ => double.NaN)]
            : Curve(measurement, Ranking.Of(measurement, n, of, new CurveOptions { Order = Order, Seed = Seed }), n, cancellation))];
    }

    /// <inheritdoc/>
    /// <exception cref="ExplainerException">Inputs are no pictures.</exception>
    public override IReadOnlyList<double> Measure(Measurement measurement, CancellationToken cancellation = default) =>
        [.. Curves(measurement, cancellation).Select(of => of.Average())];

    private double[] Curve(Measurement measurement, int[] ranking, int sample, CancellationToken cancellation)
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new();
        generator.manual_seed(Seed);
        Tensor input = measurement.Samples.Input.narrow(0, sample, 1);
        long[] shape = input.shape;
        long target = measurement.Samples.Targets[sample].item<long>();
        List<double> answers = [];
        Tensor noise = (randn([Percentages.Count, .. shape[1..]], generator: generator) * Noise).to(input.device); // at once, so that MaximumBatch does not matter
        foreach (double[] part in Percentages.Chunk(MaximumBatch))
        {
            bool[] flags = [.. Enumerable.Repeat(true, part.Length * ranking.Length)];
            for (int i = 0; i < part.Length; i++)
            {
                foreach (int pixel in ranking.Take((int)(ranking.Length * part[i] / 100)))
                    flags[(i * ranking.Length) + pixel] = false;
            }

            Tensor known = tensor(flags).view(part.Length, 1, shape[2], shape[3]).to(input.device);
            Tensor filled = LinearImputation.Fill(input.expand([part.Length, .. shape[1..]]), known);
            Tensor added = noise.narrow(0, answers.Count, part.Length).masked_fill(known, 0);
            Tensor scores = measurement.Model.ScoresInBatches(filled + added, MaximumBatch, cancellation);
            answers.AddRange(scores.argmax(1).eq(target).to(float64).cpu().data<double>());
        }

        return [.. answers];
    }
}
