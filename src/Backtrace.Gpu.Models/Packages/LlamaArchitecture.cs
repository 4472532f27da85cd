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

    internal override Architecture Complete(string folder) => this with { Config = LlamaConfig.Read(FileOf(folder, ConfigFile)) };

    internal override string? Refusal(Preprocessing preprocessing) => RefusalOfPrompts(preprocessing);
}
