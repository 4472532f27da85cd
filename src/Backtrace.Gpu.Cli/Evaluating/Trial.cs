using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Evaluating;

/// <summary>One of the experiments of `backtrace evaluate`.</summary>
/// <param name="Name">How the command line calls it.</param>
/// <param name="Modality">What its inputs are.</param>
/// <param name="Title">Head of its page.</param>
/// <param name="Subject">What is explained, for its first sentence.</param>
/// <param name="Models">The models that it runs on by default.</param>
/// <param name="Open">Loads a model and the inputs.</param>
internal sealed record Trial(string Name, Modality Modality, string Title, string Subject, IReadOnlyList<string> Models, Func<ModelPackage, EvaluateRequest, CancellationToken, Bench> Open)
{
    internal static IReadOnlyList<Trial> All { get; } =
    [
        new("tabular", Modality.Table, "Explaining table rows: methods compared", "a row was judged by", ["lending-mlp"], (package, request, _) => new TabularBench(package, request)),
        new("image", Modality.Picture, "Explaining photos: methods compared", "a photo was recognised by", ["resnet20", "resnet56"], (package, request, cancellation) => new ImageBench(package, request, cancellation)),
        new("text", Modality.Text, "Explaining texts: methods compared", "a text was judged by, or continued from", ["bert-tiny-sst2", "lstm-sst2", "stories260k"], (package, request, cancellation) => new TextBench(package, request, cancellation)),
    ];
}
