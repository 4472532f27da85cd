namespace Backtrace.Gpu.Evaluation;

/// <summary>
/// What becomes of the model's answer while features are taken away, or given back, in the order of their attribution. Pixel flipping, MoRF, LeRF and all
/// metrics of that family are read off such curves.
/// </summary>
/// <param name="Shares">Share of the features that have changed at each point, from 0; the same for all samples.</param>
/// <param name="Values">For each sample the model's output at each point; NaN where attributions are NaN.</param>
/// <param name="Whole">For each sample the model's output for the input as it is.</param>
public sealed record PerturbationCurve(IReadOnlyList<double> Shares, IReadOnlyList<double[]> Values, IReadOnlyList<double> Whole)
{
    /// <summary>Measures the curves of all samples; the model sees them in batches.</summary>
    /// <exception cref="ArgumentException">An option is out of range, or attributions are not shaped like the input.</exception>
    public static PerturbationCurve Measure(Measurement measurement, CurveOptions? options = null, CancellationToken cancellation = default)
    {
        options ??= new CurveOptions();
        double[][] attributions = Attributions.PerFeature(measurement);
        int features = measurement.Samples.Features.Count;
        int[] counts = options.Counts(features);

        IEnumerable<(int, bool[])> Rows(int sample)
        {
            int[] ranking = Ranking.Of(measurement, sample, attributions[sample], options);
            foreach (int count in options.Restore ? [.. counts, features] : counts)
            {
                bool[] present = new bool[features];
                for (int rank = 0; rank < features; rank++)
                    present[ranking[rank]] = options.Restore == rank < count;
                yield return (sample, present);
            }
        }

        int[] ranked = [.. Enumerable.Range(0, attributions.Length).Where(n => options.Order == FeatureOrder.Random || !attributions[n].Any(double.IsNaN))];
        double[] outputs = FeatureRemoval.Outputs(measurement, ranked.SelectMany(Rows), options.Output, options.MaximumBatch, cancellation);
        double[][] values = [.. attributions.Select(_ => Enumerable.Repeat(double.NaN, counts.Length).ToArray())];
        double[] whole = [.. Enumerable.Repeat(double.NaN, attributions.Length)];
        int row = 0;
        foreach (int sample in ranked)
        {
            values[sample] = outputs[row..(row + counts.Length)];
            whole[sample] = outputs[options.Restore ? row + counts.Length : row];
            row += options.Restore ? counts.Length + 1 : counts.Length;
        }

        return new PerturbationCurve([.. counts.Select(count => (double)count / features)], values, whole);
    }

    /// <summary>
    /// Area under each curve over the share of changed features, by the trapezoid rule. Where all features change, the share runs from 0 to 1. Normalised, each
    /// value is divided by <see cref="Whole"/>: the additive model with contributions [4, 3, 2, 1], whose score is 10, then has the MoRF area .375 and the LeRF
    /// area .625.
    /// </summary>
    /// <returns>One area per sample; NaN where it is normalised by an output that is not positive.</returns>
    public double[] Areas(bool isNormalised)
    {
        double[] areas = new double[Values.Count];
        for (int n = 0; n < areas.Length; n++)
        {
            for (int i = 1; i < Shares.Count; i++)
                areas[n] += (Shares[i] - Shares[i - 1]) * (Values[n][i] + Values[n][i - 1]) / 2;
            if (isNormalised)
                areas[n] = Whole[n] > 0 ? areas[n] / Whole[n] : double.NaN;
        }

        return areas;
    }

    /// <summary>A sample's curve at other shares, linearly interpolated: for means over inputs whose numbers of features differ.</summary>
    /// <param name="sample">Which sample.</param>
    /// <param name="shares">From 0 to the curve's last share; beyond that its last value.</param>
    public double[] At(int sample, IReadOnlyList<double> shares)
    {
        double Value(double share)
        {
            int next = 0;
            while (next < Shares.Count && Shares[next] < share)
                next++;
            if (next == 0 || next == Shares.Count)
                return Values[sample][Math.Min(next, Shares.Count - 1)];
            double part = (share - Shares[next - 1]) / (Shares[next] - Shares[next - 1]);
            return Values[sample][next - 1] + (part * (Values[sample][next] - Values[sample][next - 1]));
        }

        return [.. shares.Select(Value)];
    }
}
