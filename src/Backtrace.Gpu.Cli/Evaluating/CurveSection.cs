using Backtrace.Gpu.Cli.Pages;
using Backtrace.Gpu.Cli.Pictures;
using Backtrace.Gpu.Evaluation;
using Backtrace.Gpu.Evaluation.Experiments;

namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>A small plot for each method: the answer's probability while features go, most and least relevant first.</summary>
internal static class CurveSection
{
    private const int Resamples = 1000;

    internal static Markup Of(ExperimentResult result)
    {
        ILookup<string, Outcome> byMethod = result.Outcomes.ToLookup(outcome => outcome.Method);
        if (!result.Outcomes.Any(outcome => outcome.Curves.ContainsKey(CurveGauge.Morf)))
            return Markup.Empty;
        Curve[] chance = [.. Curves(byMethod[EvaluateText.Random]).Select(curve => curve with { Colour = null })];
        (string Name, Curve[] Curves)[] methods =
        [
            .. result.Methods.Where(method => method != EvaluateText.Random).Select(method => (method, Curves(byMethod[method]))).OrderByDescending(pair => Between(pair.Item2)),
        ];
        double most = Math.Min(1, 1.02 * methods.SelectMany(method => method.Curves).SelectMany(curve => curve.Upper).DefaultIfEmpty(1).Max());
        return $"""
            <h3 class="part">What is left of the answer while features go</h3>
            <p class="note"><i class="key" style="background:{BarChart.Positive}"></i>most relevant features first: the sooner it falls, the better. <i class="key" style="background:{BarChart.Negative}"></i>least relevant first: the longer it stays, the better. Mean probability of the answer against the share of features that are gone, bands: 95 %. Methods with the largest area between the lines come first.</p>
            <div class="grid" style="--least:250px">{methods.Select(method => (Markup)$"""<article class="card"><h3>{method.Name}</h3>{CurvePlot.Inline([.. chance, .. method.Curves], $"{method.Name}: perturbation curves", most)}</article>""")}</div>
            """;
    }

    private static double Between(Curve[] curves) => curves.Length < 2 ? 0 : curves[1].Mean.Zip(curves[0].Mean, (high, low) => high - low).Sum();

    private static Curve[] Curves(IEnumerable<Outcome> outcomes) => [.. Curve(outcomes, CurveGauge.Morf, BarChart.Positive), .. Curve(outcomes, CurveGauge.Lerf, BarChart.Negative)];

    private static IEnumerable<Curve> Curve(IEnumerable<Outcome> outcomes, string name, Rgb colour)
    {
        IReadOnlyList<double>[] curves = [.. outcomes.Where(outcome => outcome.Curves.ContainsKey(name)).Select(outcome => outcome.Curves[name])];
        if (curves.Length == 0)
            yield break;
        Interval[] points = [.. CurveGauge.Shares.Select((_, k) => Bootstrap.Mean([.. curves.Select(curve => curve[k])], resamples: Resamples))];
        yield return new Curve(colour, CurveGauge.Shares, [.. points.Select(point => point.Mean)], [.. points.Select(point => point.Lower)], [.. points.Select(point => point.Upper)]);
    }
}
