namespace Backtrace.Gpu.Cli.Pictures;

/// <summary>One of several pictures side by side.</summary>
/// <param name="Title">What it shows.</param>
/// <param name="Png">The picture.</param>
/// <param name="Map">The heat map whose scale belongs under it; null for other pictures.</param>
internal sealed record Panel(string Title, byte[] Png, HeatMap? Map);
