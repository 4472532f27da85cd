using TorchSharp;

namespace Backtrace.Gpu.Models;

/// <summary>One picture, ready for a model, together with what a person should be shown. Owns its tensor.</summary>
/// <param name="Path">File it came from.</param>
/// <param name="Values">Normalised values, [1, channels, height, width], or [1, channels * height * width] for models that take flat input.</param>
/// <param name="Rgb">The picture as the model sees it, before normalisation: height x width x 3 bytes.</param>
/// <param name="Width">Width in pixels.</param>
/// <param name="Height">Height in pixels.</param>
/// <param name="Note">What was done to the original beyond decoding, such as resizing; null when nothing was.</param>
public sealed record ImageInput(string Path, torch.Tensor Values, ReadOnlyMemory<byte> Rgb, int Width, int Height, string? Note) : IDisposable
{
    /// <summary>Releases the tensor.</summary>
    public void Dispose() => Values.Dispose();
}
