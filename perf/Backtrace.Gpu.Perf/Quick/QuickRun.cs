using System.Diagnostics;
using Backtrace.Gpu.Interop;
using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Perf.Cases;

namespace Backtrace.Gpu.Perf.Quick;

/// <summary>Every bar of docs/performance.md.</summary>
internal static class QuickRun
{
    private static readonly (string Case, double? Single, double BFloat16)[] Cases =
    [
        ("resnet20/1", 1.5, 1.0),
        ("resnet20/32", 1.5, 0.9),
        ("resnet56/1", 1.5, 1.0),
        ("resnet56/32", 1.5, 0.9),
        ("lending/1", 1.5, 1.0),
        ("lending/4096", 1.5, 1.5),
        ("wide/1", null, 1.0),
        ("wide/64", 1.5, 0.5),
        ("lstm/32", 3.0, 3.0),
        ("bert/128", 1.5, 0.8),
        ("llama/128", 1.5, 0.8),
        ("llama-bf16/128", 1.5, 0.8),
    ];

    private static readonly string[] PathCases = ["resnet20/1", "resnet56/1"];

    public static int Run(PerfOptions options)
    {
        long started = Stopwatch.GetTimestamp();
        Summary summary = new(Console.Out);
        summary.Head();
        foreach (var (name, single, bfloat16) in Cases.Where(c => options.Wants(c.Case) && (!IsOnRequest(c.Case) || options.Filter.Length > 0)))
        {
            using Case work = Case.Create(name);
            Cost.Measure(summary, work, ContractionPrecision.Single, single, options);
            if (TorchBFloat16.Kernel.IsPresent)
                Cost.Measure(summary, work, ContractionPrecision.BFloat16, bfloat16, options);
        }

        foreach (var (name, _, _) in Cases.Where(c => !IsOnRequest(c.Case) && (options.Wants("contrastive") || options.Wants(c.Case))))
        {
            using Case work = Case.Create(name);
            Cost.Contrastive(summary, work, options);
        }

        foreach (string name in PathCases.Where(options.Wants))
        {
            using Case work = Case.Create(name);
            Cost.IntegratedGradients(summary, work, options);
        }

        if (options.Wants("elementwise"))
            ElementwiseBars.Measure(summary);
        if (!TorchBFloat16.Kernel.IsPresent)
            Console.WriteLine("bf16 rows are left out: nothing here multiplies bf16 faster than fp32.");
        summary.Write(options.Json);
        Console.WriteLine($"{Stopwatch.GetElapsedTime(started).TotalSeconds:0} s");
        return summary.AllHold ? 0 : 1;
    }

    // A billion weights: minutes, so only when asked for by name.
    private static bool IsOnRequest(string name) => name.StartsWith("llama", StringComparison.Ordinal);
}
