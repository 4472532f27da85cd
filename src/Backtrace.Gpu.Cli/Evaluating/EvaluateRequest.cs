namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>What a user asked `backtrace evaluate` for.</summary>
/// <param name="Output">Folder for the results.</param>
internal sealed record EvaluateRequest(string Output)
{
    /// <summary>Names or folders of models; the experiment's own where there are none.</summary>
    internal IReadOnlyList<string> Models { get; init; } = [];

    /// <summary>File or folder with inputs; the experiment's own where it is null.</summary>
    internal string? Data { get; init; }

    /// <summary>Number of inputs; by experiment where it is null.</summary>
    internal int? Samples { get; init; }

    internal int Seed { get; init; } = 1;

    /// <summary>Keys of methods; all that fit where there are none.</summary>
    internal IReadOnlyList<string> Methods { get; init; } = [];

    /// <summary>Keys of metrics; all of the experiment where there are none.</summary>
    internal IReadOnlyList<string> Metrics { get; init; } = [];

    /// <summary>Pictures: what stands in for pixels that are taken away.</summary>
    internal AbsentPixels Absent { get; init; }

    /// <summary>A first look: few inputs and small budgets.</summary>
    internal bool IsQuick { get; init; }
}

/// <summary>What stands in for pixels that are taken away.</summary>
internal enum AbsentPixels
{
    /// <summary>The same place of a strongly blurred picture.</summary>
    Blur,

    /// <summary>The mean colour that pictures are normalised with: 0 afterwards.</summary>
    Mean,
}
