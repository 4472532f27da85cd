using Backtrace.Gpu.Kernels.Contraction;

namespace Backtrace.Gpu;

/// <summary>How an explanation was made.</summary>
/// <param name="Target">What was explained.</param>
/// <param name="Device">Where.</param>
/// <param name="Precision">Operand precision of the dense products.</param>
/// <param name="ForwardSeconds">Time of the recorded forward pass.</param>
/// <param name="RelevanceSeconds">Time of the relevance pass, shared by all targets of the pass.</param>
/// <param name="PeakBytes">Most memory in use for recorded activations and relevance at a time.</param>
public sealed record RunFacts(string Target, string Device, ContractionPrecision Precision, double ForwardSeconds, double RelevanceSeconds, long PeakBytes);
