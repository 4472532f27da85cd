namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Tells a person who waits what a run is doing.</summary>
/// <param name="doing">What it does.</param>
/// <param name="done">How much of it is done.</param>
/// <param name="all">How much there is to do; 0 where that is not known.</param>
internal delegate void RunProgress(string doing, double done, int all);
