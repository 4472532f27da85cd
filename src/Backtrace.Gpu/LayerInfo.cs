namespace Backtrace.Gpu;

/// <summary>A layer of a model that options can name; see <see cref="Backtracer.ListLayers(TorchSharp.torch.Tensor)"/>.</summary>
/// <param name="Name">The module's path, such as <c>layer3.0.conv1</c>, or the path and the operator; a second call has <c>#2</c> behind it.</param>
/// <param name="Operation">What it computes, such as <c>Conv2d</c> or <c>relu</c>.</param>
/// <param name="Shape">Shape of its output, or of the first of several: [N, ...], that of the relevance which <see cref="Explanation.Layers"/> holds.</param>
public sealed record LayerInfo(string Name, string Operation, IReadOnlyList<long> Shape)
{
    /// <summary>For people: <c>layer3.0.conv1 (Conv2d) [1, 64, 8, 8]</c>.</summary>
    public override string ToString() => $"{Name} ({Operation}) [{string.Join(", ", Shape)}]";
}
