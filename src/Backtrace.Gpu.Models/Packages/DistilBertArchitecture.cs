using System.Text.Json.Serialization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>A <see cref="DistilBert"/>.</summary>
/// <param name="ConfigFile">File of the model folder with its sizes, as published by Hugging Face.</param>
public sealed record DistilBertArchitecture(string ConfigFile = "config.json") : PublishedArchitecture<DistilBertConfig>(ConfigFile)
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override int? OutputSize => Known.Classes;

    /// <inheritdoc/>
    [JsonIgnore]
    public override bool IsMultiLabel => Known.ProblemType == ClassLabels.MultiLabel;

    /// <inheritdoc/>
    [JsonIgnore]
    public override bool IsRegression => ClassLabels.IsRegression(Known.ProblemType, Known.Classes);

    internal override double Weights => Known.Weights;

    /// <inheritdoc/>
    public override Module<Tensor, Tensor> Create() => new DistilBert(Known);

    internal override Architecture Complete(string folder) => this with { Config = DistilBertConfig.Read(FileOf(folder, ConfigFile)) };

    internal override void Save(string folder) => Known.Write(FileOf(folder, ConfigFile));

    internal override string? Refusal(Preprocessing preprocessing) => RefusalOfTexts(preprocessing, Known.MaxPositionEmbeddings);
}
