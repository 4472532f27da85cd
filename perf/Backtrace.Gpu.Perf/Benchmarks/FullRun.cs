using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.NoEmit;

namespace Backtrace.Gpu.Perf.Benchmarks;

/// <summary>All BenchmarkDotNet classes of this assembly.</summary>
internal static class FullRun
{
    public static int Run(PerfOptions options)
    {
        // In this process, because the native libraries and the models are found from here.
        IConfig config = DefaultConfig.Instance
            .AddJob(Job.ShortRun.WithToolchain(InProcessNoEmitToolchain.Instance).WithIterationCount(9))
            .WithArtifactsPath(Path.Combine("artifacts", "bench"));
        var summaries = BenchmarkSwitcher.FromAssembly(typeof(FullRun).Assembly).Run(["--filter", $"*{options.Filter}*"], config);
        return summaries.Any(s => s.HasCriticalValidationErrors || s.Reports.Any(r => !r.Success)) ? 1 : 0;
    }
}
