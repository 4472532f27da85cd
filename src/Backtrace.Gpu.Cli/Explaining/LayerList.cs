using System.Text.Json;
using Backtrace.Gpu.Models;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>The layers that --layers may name, as <c>--layers list</c> prints them: those between the inputs and the answer, in the order of the forward pass.</summary>
internal static class LayerList
{
    /// <summary>Records the first input, or a blank one where none was given; nothing is explained or written to a folder.</summary>
    internal static void Write(TextWriter output, ExplainRequest request, Action<string> warn, CancellationToken cancellation)
    {
        using ModelPackage package = request.Load();
        using Tensor batch = First(request, package, warn, cancellation);
        using Backtracer backtracer = Explainer.Create(package, () => 1);
        IReadOnlyList<LayerInfo> layers = backtracer.ListLayers(batch);
        if (request.Json)
        {
            output.WriteLine(JsonSerializer.Serialize(
                new { model = new { name = package.Name, title = package.Description.Title }, layers = layers.Select(layer => new { layer = layer.Name, @operator = layer.Operation, shape = layer.Shape }) }, ExplainJson.Indented));
            return;
        }

        int name = layers.Max(layer => layer.Name.Length), kind = layers.Max(layer => layer.Operation.Length);
        foreach ((string layer, string type, IReadOnlyList<long> shape) in layers)
            output.WriteLine($"{layer.PadRight(name)}  {type.PadRight(kind)}  [{string.Join(", ", shape)}]");
    }

    private static Tensor First(ExplainRequest request, ModelPackage package, Action<string> warn, CancellationToken cancellation)
    {
        if (request.Inputs.Count + request.Texts.Count == 0)
        {
            switch (package.Description.Preprocessing)
            {
                case ImagePreprocessing image:
                    return zeros(image.Flatten ? [1, image.InputSize!.Value] : [1, image.Channels, image.Height, image.Width]);
                case ContrastPreprocessing image:
                    return zeros(1, 1, image.Width, image.Width);
                case TabularPreprocessing table:
                    return zeros(1, table.Width);
                default:
                    request = request with { Texts = ["a"] };
                    break;
            }
        }

        using Samples samples = InputReader.Read(request with { FirstOnly = true }, package, warn, request.SkipBad ? message => warn("skipped: " + message) : null, (_, _, _) => { }, cancellation);
        return samples.Batch(0, samples.Together(0, 1));
    }
}
