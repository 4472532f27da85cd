namespace Backtrace.Gpu.Cli;

/// <summary>Arguments that parse one by one and make no sense together.</summary>
internal sealed class UsageException(string message) : Exception(message);
