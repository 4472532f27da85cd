using System.Text.Json.Serialization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>A <see cref="Llama"/>.</summary>
/// <param name="ConfigFile">File of the model folder with its sizes, as published by Hugging Face.</param>
public sealed record LlamaArchitecture(string ConfigFile = "config.json") : PublishedArchitecture<LlamaConfig>(ConfigFile)
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override int? OutputSize => null;

    /// <inheritdoc/>
    public override Module<Tensor, Tensor> Create() => new Llama(Known);

    // How texts go on may stand in a file of its own.
    internal override Architecture Complete(string folder)
    {
        string path = FileOf(folder, ConfigFile);
        LlamaConfig config = LlamaConfig.Read(path);
        PublishedGeneration generation = PublishedGeneration.Read(path);
        return this with { Config = config with { EndTokens = generation.EndTokens, GenerationProblem = generation.Problem } };
    }

    internal override string? Refusal(Preprocessing preprocessing) => RefusalOfPrompts(preprocessing);
}
