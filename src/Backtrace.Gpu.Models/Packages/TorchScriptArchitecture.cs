using System.Text.Json.Serialization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Backtrace.Gpu.Models;

/// <summary>Any network that PyTorch has traced or scripted: code and weights stand in one file. It maps one batch to scores or values, [N, outputs].</summary>
/// <param name="Outputs">Number of outputs.</param>
/// <param name="Meaning">What they are.</param>
/// <param name="File">File of the model folder, as <c>torch.jit.save</c> writes it.</param>
public sealed record TorchScriptArchitecture(int Outputs, OutputMeaning Meaning = OutputMeaning.Logits, string File = "model.pt") : Architecture
{
    private string path = File;

    /// <inheritdoc/>
    [JsonIgnore]
    public override int? OutputSize => Outputs;

    /// <inheritdoc/>
    [JsonIgnore]
    public override bool IsMultiLabel => Meaning == OutputMeaning.Labels;

    /// <inheritdoc/>
    [JsonIgnore]
    public override bool IsRegression => Meaning == OutputMeaning.Values;

    /// <inheritdoc/>
    internal override bool HoldsWeights => true;

    /// <inheritdoc/>
    /// <exception cref="ModelException">There is no such file, or libtorch cannot read it.</exception>
    public override Module<Tensor, Tensor> Create() => Outputs is < 1 or > 100_000
        ? throw new ArgumentException($"{Outputs} outputs are out of range")
        : TorchScriptNetwork.Load(path);

    internal override Architecture Complete(string folder) => this with { path = FileOf(folder, File, "file") };

    internal override string? Refusal(Preprocessing preprocessing) => preprocessing is PromptPreprocessing ? "a torchscript network takes pictures, tables or WordPiece texts here" : null;
}
