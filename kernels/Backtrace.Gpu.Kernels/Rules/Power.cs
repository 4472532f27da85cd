namespace Backtrace.Gpu.Kernels.Rules;

/// <summary>x to a fixed power, entry by entry. The exponent tells normalisations that a model writes out from what only looks like one.</summary>
/// <param name="Exponent">The power.</param>
public sealed record Power(double Exponent) : Identity("pow");
