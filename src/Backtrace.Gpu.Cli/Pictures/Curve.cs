namespace Backtrace.Gpu.Cli.Pictures;

/// <summary>A line of a plot with its band.</summary>
/// <param name="Colour">Its colour; null for the colour of text, dashed.</param>
/// <param name="X">Places.</param>
/// <param name="Mean">Height at each place.</param>
/// <param name="Lower">Lower end of the band.</param>
/// <param name="Upper">Upper end of the band.</param>
internal sealed record Curve(Rgb? Colour, IReadOnlyList<double> X, IReadOnlyList<double> Mean, IReadOnlyList<double> Lower, IReadOnlyList<double> Upper);
