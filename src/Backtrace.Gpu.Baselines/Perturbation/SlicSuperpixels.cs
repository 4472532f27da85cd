using TorchSharp;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Baselines;

/// <summary>
/// Superpixels by SLIC (Achanta et al. 2012): pixels join the centre that is nearest in colour and place, centres move to the mean of their pixels, and fragments
/// join a neighbour at the end, so that each superpixel is connected. Deterministic. Count, compactness and iterations are the meaning and, but for the count, the defaults of
/// scikit-image's slic. Colours are the image's own channels, brought to 0 to 100 together, not CIELAB, because inputs of networks are normalised and need not be colours.
/// </summary>
/// <param name="Count">About how many superpixels, at most one per pixel (n_segments; scikit-image: 100).</param>
/// <param name="Compactness">Weight of place against colour.</param>
/// <param name="Iterations">How often centres move (max_num_iter).</param>
public sealed record SlicSuperpixels(int Count = 50, double Compactness = 10, int Iterations = 10)
{
    /// <summary>The superpixels of an image, [C, H, W], as features. The caller's.</summary>
    /// <exception cref="ArgumentException">The image has no three dimensions, or there is no superpixel or iteration.</exception>
    public Features Of(Tensor image)
    {
        if (image.shape.Length != 3)
            throw new ArgumentException($"Superpixels need an image of [C, H, W], not [{string.Join(", ", image.shape)}].", nameof(image));
        (int channels, int height, int width) = ((int)image.shape[0], (int)image.shape[1], (int)image.shape[2]);
        int count = Math.Min(Count, height * width);
        if (count < 1 || Iterations < 1)
            throw new ArgumentException($"{Count} superpixels in {Iterations} iterations cannot be made of {height} x {width} pixels.", nameof(image));
        using DisposeScope scope = NewDisposeScope();
        Tensor values = image.detach().to(float64).cpu();
        Tensor scaled = (values - values.min()) * (100 / Math.Max(1e-12, (values.max() - values.min()).item<double>()));
        SlicClustering clustering = new(scaled.contiguous().data<double>().ToArray(), channels, height, width, count, Compactness);
        for (int i = 0; i < Iterations; i++)
            clustering.Step();
        int[] labels = SlicFragments.Join(clustering.Labels, height, width, height * width / count / 2);
        return new Features(tensor(Array.ConvertAll(labels, label => (long)label)).view(1, height, width).expand(channels, height, width));
    }
}
