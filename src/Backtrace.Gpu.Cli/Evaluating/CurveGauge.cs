using Backtrace.Gpu.Evaluation;
using Backtrace.Gpu.Evaluation.Experiments;

namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>The answer's probability while features are taken away, most and least relevant first: both areas, their difference, and the curves.</summary>
internal static class CurveGauge
{
    internal const string Morf = "MoRF", Lerf = "LeRF";

    /// <summary>Points of the curves that are kept, so that inputs of different sizes can be averaged.</summary>
    internal static readonly double[] Shares = [.. Enumerable.Range(0, 21).Select(k => k / 20.0)];

    /// <param name="steps">Most steps of each curve, of about equal size; inputs with fewer features lose one at a time.</param>
    /// <param name="flipsPixels">Whether pixel flipping, the area under the probability itself, has a column too.</param>
    internal static Gauge Create(int steps, bool flipsPixels)
    {
        MorfAuc morf = new() { Curve = new CurveOptions { Steps = steps } };
        LerfAuc lerf = new() { Curve = morf.Curve };
        DeltaAuc delta = new();
        Column[] areas = [new Column(morf.Name, morf.Better), new Column(lerf.Name, lerf.Better), new Column(delta.Name, delta.Better)];
        return new Gauge(flipsPixels ? [.. areas, new Column(new PixelFlipping().Name, Better.Lower)] : areas, Read) { Curves = [Morf, Lerf] };

        GaugeReading Read(Measurement measurement, CancellationToken cancellation)
        {
            PerturbationCurve most = morf.Curves(measurement, cancellation), least = lerf.Curves(measurement, cancellation);
            double[] found = [most.Areas(isNormalised: true)[0], least.Areas(isNormalised: true)[0], DeltaAuc.Of(most, least)[0]];
            return new GaugeReading(
                flipsPixels ? [.. found, most.Areas(isNormalised: false)[0]] : found,
                new Dictionary<string, IReadOnlyList<double>> { [Morf] = Kept(most), [Lerf] = Kept(least) });
        }

        static double[] Kept(PerturbationCurve curve) => [.. curve.At(0, Shares).Select(value => Math.Round(value, 5))];
    }
}
