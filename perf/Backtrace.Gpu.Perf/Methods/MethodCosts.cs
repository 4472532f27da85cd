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
        .. OfManyGradients,
        ("LIME (1000)", Lime),
        ("KernelSHAP (2048)", c => new KernelShapExplainer(c.Model, new KernelShapOptions { Samples = 2048, Superpixels = Tiles(c) })),
    ];

    public static int Run(PerfOptions options)
    {
        Console.WriteLine($"Milliseconds of one explanation of one input, and as a multiple of a gradient. The last row is the floor of the methods that take {Steps} gradients.");
        Console.WriteLine();
        string[] names = [.. MethodCase.Names.Where(options.Wants)];
        List<string[]> columns = [.. names.Select(name => Measure(name, options))];
        Console.WriteLine($"| method | {string.Join(" | ", names)} |");
        Console.WriteLine($"|---|{string.Concat(names.Select(_ => "---:|"))}");
        string[] rows = [.. All.Select(m => m.Name), Floor, .. OfManyGradients.Select(m => $"{m.Name} / floor")];
        foreach ((int row, string method) in rows.Index())
            Console.WriteLine($"| {method} | {string.Join(" | ", columns.Select(column => column[row]))} |");
        return 0;
    }

    private static string[] Measure(string name, PerfOptions options)
    {
        using MethodCase work = MethodCase.Create(name);
        (Rounds rounds, int?[] places) = Measure(work, options, All);
        (Rounds near, _) = Measure(work, options, OfManyGradients);
        Console.Error.WriteLine($"{name}: {rounds.Count} and {near.Count} rounds");
        return
        [
            .. places.Select(place => place is { } k ? string.Create(CultureInfo.InvariantCulture, $"{Text(rounds.Median(k))} ({Text(rounds.Ratio(k, 0))})") : ""),
            .. OfManyGradients.Select((_, k) => Text(near.Ratio(k, OfManyGradients.Length))),
        ];
    }

    // Rounds of those methods that are for the model, and of the floor; the place of each of them in the rounds.
    private static (Rounds Rounds, int?[] Places) Measure(MethodCase work, PerfOptions options, (string Name, Func<MethodCase, IExplainer?> Create)[] methods)
    {
        IExplainer?[] explainers = [.. methods.Select(method => method.Create(work))];
        try
        {
            List<Action> actions = [];
            int?[] places = new int?[explainers.Length + 1];
            for (int k = 0; k < explainers.Length; k++)
            {
                if (explainers[k] is not { } explainer)
                    continue;
                places[k] = actions.Count;
                actions.Add(() => explainer.Explain(work.Samples).Dispose());
            }

            places[^1] = actions.Count;
            actions.Add(() => Batch(work));
            return (Rounds.Measure(options.Seconds, [.. actions]), places);
        }
        finally
        {
            foreach (IExplainer? explainer in explainers)
                explainer?.Dispose();
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

    // 49 features of a picture; the input is noise, in which there are no superpixels to find.
    private static Func<Tensor, Features>? Tiles(MethodCase work) => IsPicture(work) ? new GridSuperpixels().Of : null;

    private static bool IsPicture(MethodCase work) => work.Samples.Input.dim() == 4;

    private static string Text(double value) => value.ToString(value < 10 ? "0.00" : value < 100 ? "0.0" : "0", CultureInfo.InvariantCulture);
}
