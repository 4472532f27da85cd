using Backtrace.Gpu.Kernels.Contraction;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>The options of `backtrace explain`.</summary>
internal sealed record ExplainRequest(string Model, IReadOnlyList<string> Inputs, string Output)
{
    public string? Rows { get; init; }

    public string Target { get; init; } = "argmax";

    public IReadOnlyList<string> Layers { get; init; } = [];

    public DeviceChoice? Device { get; init; }

    public ContractionPrecision Precision { get; init; }

    /// <summary>Inputs per pass; 0 for the usual number.</summary>
    public int Batch { get; init; }

    public bool SkipBad { get; init; }
}
