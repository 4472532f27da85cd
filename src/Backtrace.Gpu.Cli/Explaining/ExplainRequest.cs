using Backtrace.Gpu.Kernels.Contraction;
using Backtrace.Gpu.Kernels.Rules;
using Backtrace.Gpu.Models;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>The options of `backtrace explain`.</summary>
internal sealed record ExplainRequest(string Model, IReadOnlyList<string> Inputs, string Output)
{
    /// <summary>Texts given on the command line itself.</summary>
    public IReadOnlyList<string> Texts { get; init; } = [];

    public string? Rows { get; init; }

    public Mode Mode { get; init; }

    /// <summary>Whether evidence keeps its sign: <see cref="RuleSet.Faithful"/> instead of the paper's rules.</summary>
    public bool IsFaithful { get; init; }

    /// <summary>Tokens that a language model adds and of which each is explained; 0 to explain the next one.</summary>
    public int Generate { get; init; }

    public IReadOnlyList<string> Targets { get; init; } = ["argmax"];

    public IReadOnlyList<string> Layers { get; init; } = [];

    public DeviceChoice? Device { get; init; }

    public ContractionPrecision Precision { get; init; }

    /// <summary>Type of a <see cref="Llama"/>'s weights.</summary>
    public ScalarType Weights { get; init; } = ScalarType.Float32;

    /// <summary>Whether the values inside of the network's blocks are computed again rather than kept.</summary>
    public bool Recompute { get; init; }

    /// <summary>Inputs per pass; 0 for the usual number.</summary>
    public int Batch { get; init; }

    public bool SkipBad { get; init; }

    /// <summary>Whether the first usable input is all that is wanted; then nothing is generated either.</summary>
    public bool FirstOnly { get; init; }

    /// <summary>Whether the result is printed as JSON.</summary>
    public bool Json { get; init; }

    /// <summary>How a model is explained, apart from the layers.</summary>
    /// <exception cref="UsageException">It has no blocks to compute again.</exception>
    internal BacktracerOptions OptionsFor(ModelPackage package)
    {
        BacktracerOptions options = new() { Mode = Mode, Precision = Precision, Recompute = Recompute ? ModelBlocks.Of(package.Module) : [] };
        if (Recompute && options.Recompute.Count == 0)
            throw new UsageException($"--recompute runs the blocks of a network a second time, but {package.Name} is not built of blocks.");
        return IsFaithful ? options with { Rules = RuleSet.Faithful } : options;
    }

    /// <summary>Loads the model.</summary>
    /// <exception cref="UsageException">It has no choice of <see cref="Weights"/>.</exception>
    internal ModelPackage Load()
    {
        ModelPackage package = ModelPackage.Load(Model, Weights);
        if (Weights == ScalarType.Float32 || package.Module is Llama)
            return package;
        using (package)
            throw new UsageException($"--weights bf16 is for Llama models; {package.Name} has another architecture, whose weights are fp32.");
    }
}
