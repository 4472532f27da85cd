using static TorchSharp.torch;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>What a segmentation says about pixels.</summary>
internal static class Segments
{
    /// <summary>The most likely class of each pixel of one picture, row by row; <paramref name="logits"/> are [N, C, height, width].</summary>
    internal static int[] ClassOfPixels(Tensor logits, int sample)
    {
        using Tensor one = logits[sample], best = one.argmax(0);
        return [.. best.data<long>().Select(c => (int)c)];
    }

    /// <summary>The class that is worth explaining where none was asked for: the one with the most pixels after the first, which is the background by custom.</summary>
    internal static int Foreground(Tensor logits)
    {
        int classes = (int)logits.shape[1];
        if (classes == 1)
            return 0;
        int[] counts = new int[classes];
        foreach (int c in ClassOfPixels(logits, 0))
            counts[c]++;
        return 1 + counts.AsSpan(1).IndexOf(counts.Skip(1).Max());
    }
}
