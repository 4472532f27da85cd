using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Perf.Cases;

namespace Backtrace.Gpu.Perf.Quick;

/// <summary>Costs of networks of kinds that have no bars, to find what is slow where nobody looks.</summary>
internal static class FurtherRun
{
    private static readonly string[] Cases = ["temporal/8", "stem/8", "mobile/1", "mobile/8", "convnext/4", "vit/1", "vit/8", "causal/2048", "written-attention/512", "positive/256"];

    // Networks of blocks, of which only the results are kept.
    private static readonly string[] Recomputed = ["resnet56/32", "bert/128"];

    public static int Run(PerfOptions options)
    {
        Summary summary = new(Console.Out);
        summary.Head();
        foreach (string name in Cases.Where(options.Wants))
        {
            using Case work = Case.Create(name);
            Cost.Measure(summary, work, ContractionPrecision.Single, bar: null, options);
            Cost.Contrastive(summary, work, options, bar: null);
        }

        foreach (string name in Recomputed.Where(name => options.Wants($"{name} recompute")))
        {
            using Case work = Case.Create(name);
            Cost.Recomputed(summary, work, options);
        }

        return 0;
    }
}
