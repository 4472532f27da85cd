using Backtrace.Gpu.Models;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Pictures.</summary>
/// <param name="images">All of them; taken over.</param>
/// <param name="isSegmentation">True when each pixel is classified, so that each picture has a pass and a target of its own.</param>
internal sealed class ImageSamples(IReadOnlyList<ImageInput> images, bool isSegmentation = false) : Samples
{
    internal IReadOnlyList<ImageInput> Images => images;

    internal override int Count => images.Count;

    internal override int UsualBatch => 32;

    internal override string Name(int n) => Path.GetFileName(images[n].Path);

    internal override int Together(int first, int most) => isSegmentation ? 1 : SameSize(first, most, n => (images[n].Width, images[n].Height));

    internal override Tensor Batch(int first, int count) => cat([.. images.Skip(first).Take(count).Select(image => image.Values)], 0);

    public override void Dispose()
    {
        foreach (ImageInput image in images)
            image.Dispose();
    }
}
