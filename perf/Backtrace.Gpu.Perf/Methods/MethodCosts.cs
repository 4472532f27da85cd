using System.Globalization;
using Backtrace.Gpu.Baselines;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Perf.Quick;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Perf.Methods;

/// <summary>What one explanation costs by each method, on the same models in one run: a Markdown table of times and of multiples of a gradient.</summary>
internal static class MethodCosts
{
    private const int Steps = 50;

    // The floor of what takes 50 gradients: one batch of 50. What comes close to it is compared in rounds of its own, which LIME and KernelSHAP do not disturb.
    private static readonly string Floor = $"{Steps} gradients in one batch";

    private static readonly (string Name, Func<MethodCase, IExplainer?> Create)[] OfManyGradients =
    [
        ($"Integrated Gradients ({Steps})", c => new IntegratedGradientsExplainer(c.Model, new IntegratedGradientsOptions { Steps = Steps })),
        ($"SmoothGrad ({Steps})", c => new SmoothGradExplainer(c.Model, new SmoothGradOptions { Draws = Steps })),
    ];

    // A method gives nothing for models that it is not for.
    private static readonly (string Name, Func<MethodCase, IExplainer?> Create)[] All =
    [
        ("Gradient", c => new GradientExplainer(c.Model)),
        ("Backtrace (default)", c => new BacktraceExplainer(c.Model)),
        ("Backtrace (contrastive)", c => new BacktraceExplainer(c.Model, new BacktracerOptions { Mode = Mode.Contrastive })),
        ("Backtrace (faithful)", c => BacktraceExplainer.Faithful(c.Model)),
        ("Backtrace (faithful, maps)", c => IsPicture(c) ? new RelevanceMapExplainer(c.Model) : null),
        ("Backtrace (maps with detail)", c => IsPicture(c) ? RelevanceMapExplainer.WithDetail(c.Model) : null),
        ("Backtrace, 16 coalitions", Coalitions),
        .. OfManyGradients,
        ("LIME (1000)", Lime),
        ("KernelSHAP (2048)", c => new KernelShapExplainer(c.Model, new KernelShapOptions { Samples = 2048, Superpixels = Tiles(c) })),
    ];

    public static int Run(PerfOptions options)
    {
        Console.WriteLine($"Milliseconds of one explanation of one input, and as a multiple of a gradient. The last row is the floor of the methods that take {Steps} gradients.");
        Console.WriteLine();
        string[] names = [.. MethodCase.Names.Where(options.Wants)];
        List<Dictionary<string, string>> columns = [.. names.Select(name => Measure(name, options))];
        Console.WriteLine($"| method | {string.Join(" | ", names)} |");
        Console.WriteLine($"|---|{string.Concat(names.Select(_ => "---:|"))}");
        foreach (string row in (string[])[.. All.Select(m => m.Name), Floor, .. OfManyGradients.Select(m => OfFloor(m.Name))])
            Console.WriteLine($"| {row} | {string.Join(" | ", columns.Select(column => column.GetValueOrDefault(row, "")))} |");
        return 0;
    }

    private static string OfFloor(string method) => $"{method} / floor";

    // A column of the table: cells by the name of their row.
    private static Dictionary<string, string> Measure(string name, PerfOptions options)
    {
        using MethodCase work = MethodCase.Create(name);
        Dictionary<string, string> column = [];
        (string[] rows, Rounds rounds) = Measure(work, options, All);
        foreach ((int k, string row) in rows.Index())
            column[row] = string.Create(CultureInfo.InvariantCulture, $"{Text(rounds.Median(k))} ({Text(rounds.Ratio(k, 0))})");
        (rows, Rounds near) = Measure(work, options, OfManyGradients);
        foreach ((int k, string row) in rows.SkipLast(1).Index())
            column[OfFloor(row)] = Text(near.Ratio(k, rows.Length - 1));
        Console.Error.WriteLine($"{name}: {rounds.Count} and {near.Count} rounds");
        return column;
    }

    // Rounds of those methods that are for the model, and of the floor at the end.
    private static (string[] Rows, Rounds Rounds) Measure(MethodCase work, PerfOptions options, (string Name, Func<MethodCase, IExplainer?> Create)[] methods)
    {
        List<(string Name, IExplainer Explainer)> fitting = [];
        try
        {
            foreach ((string name, Func<MethodCase, IExplainer?> create) in methods)
            {
                if (create(work) is { } explainer)
                    fitting.Add((name, explainer));
            }

            Action[] actions = [.. fitting.Select(m => (Action)(() => m.Explainer.Explain(work.Samples).Dispose())), () => Batch(work)];
            return ([.. fitting.Select(m => m.Name), Floor], Rounds.Measure(options.Seconds, actions));
        }
        finally
        {
            foreach ((_, IExplainer explainer) in fitting)
                explainer.Dispose();
        }
    }

    private static void Batch(MethodCase work)
    {
        using var scope = NewDisposeScope();
        Tensor points = work.Model.Points(work.Samples.Input);
        Tensor many = points.expand([Steps, .. points.shape[1..]]).contiguous();
        work.Model.Gradients(many, work.Samples.Input, work.Samples.Targets.expand(Steps));
    }

    private static LimeExplainer Lime(MethodCase work)
    {
        LimeOptions options = new() { Samples = 1000, Superpixels = Tiles(work) };
        return IsPicture(work) ? LimeExplainer.Image(work.Model, options) : work.Model.TakesTokens ? LimeExplainer.Text(work.Model, options) : LimeExplainer.Presence(work.Model, options);
    }

    private static CoalitionMeanExplainer? Coalitions(MethodCase work) =>
        IsPicture(work) ? new(RelevanceMapExplainer.WithDetail(work.Model), new CoalitionMeanOptions { Superpixels = new GridSuperpixels(8, 8).Of })
        : work.Model.TakesTokens ? null : new(BacktraceExplainer.Faithful(work.Model, baseline: Baseline.Absent));

    // 49 features of a picture; the input is noise, in which there are no superpixels to find.
    private static Func<Tensor, Features>? Tiles(MethodCase work) => IsPicture(work) ? new GridSuperpixels().Of : null;

    private static bool IsPicture(MethodCase work) => work.Samples.Input.dim() == 4;

    private static string Text(double value) => value.ToString(value < 10 ? "0.00" : value < 100 ? "0.0" : "0", CultureInfo.InvariantCulture);
}
