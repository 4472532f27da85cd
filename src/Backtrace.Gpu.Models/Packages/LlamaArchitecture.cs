using System.Text.Json;
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

    // Tokens that end a text may stand in a file of their own, which transformers prefers.
    internal override Architecture Complete(string folder)
    {
        LlamaConfig config = LlamaConfig.Read(FileOf(folder, ConfigFile));
        PublishedFile? generation = PublishedFile.Find(Path.Combine(folder, "generation_config.json"));
        return this with { Config = generation?["eos_token_id"] is null ? config : config with { EndTokens = generation.As<Generation>(JsonSerializerOptions.Default).EndTokens } };
    }

    internal override string? Refusal(Preprocessing preprocessing) => RefusalOfPrompts(preprocessing);

    private sealed record Generation([property: JsonPropertyName("eos_token_id"), JsonConverter(typeof(OneOrMoreConverter))] IReadOnlyList<long> EndTokens);
}
