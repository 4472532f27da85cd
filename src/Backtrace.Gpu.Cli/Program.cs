using Backtrace.Gpu.Cli;

return await CommandLine.RunAsync(args);
