using Backtrace.Gpu.Perf;
using Backtrace.Gpu.Perf.Benchmarks;
using Backtrace.Gpu.Perf.Methods;
using Backtrace.Gpu.Perf.Profiling;
using Backtrace.Gpu.Perf.Quick;

if (PerfOptions.Parse(args) is not { } options)
    return 2;

TorchSharp.torch.set_num_threads(options.Threads);
Clock.OfProcessor = options.ProcessorTime;
Machine.Print(Console.Out);
if (options.Profile is { } profile)
    return CaseProfile.Run(profile, options);
if (options.Contractions)
    return LibraryComparison.Run(options);
if (options.Others)
    return FurtherRun.Run(options);
if (options.Methods)
    return MethodCosts.Run(options);
return options.Quick ? QuickRun.Run(options) : FullRun.Run(options);
