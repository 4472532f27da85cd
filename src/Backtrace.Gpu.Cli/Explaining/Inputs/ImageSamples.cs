using Backtrace.Gpu.Models;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Pictures.</summary>
/// <param name="pictures">All of them; taken over.</param>
/// <param name="isSegmentation">True when each pixel is classified, so that each picture has a pass and a target of its own.</param>
internal sealed class ImageSamples(PictureStore pictures, bool isSegmentation = false) : Samples
{
    internal override int Count => pictures.Count;

    internal override int UsualBatch => 32;

    /// <summary>The file.</summary>
    internal string FileOf(int n) => pictures.Path(n);

    /// <summary>The picture; valid until the next but one pass.</summary>
    internal ImageInput Image(int n) => pictures.Get(n);

    internal override int Row(int n) => pictures.Row(n);

    internal override string Name(int n) => Path.GetFileName(pictures.Path(n));

    internal override int Together(int first, int most) => isSegmentation ? 1 : SameSize(first, most, pictures.Size);

    internal override Tensor Batch(int first, int count)
    {
        pictures.Begin(first, count);
        return cat([.. Enumerable.Range(first, count).Select(n => pictures.Get(n).Values)], 0);
    }

    public override void Dispose() => pictures.Dispose();
}
