using static TorchSharp.torch;

namespace Backtrace.Gpu.Models;

/// <summary>What a segmentation network says about the pixels of one picture.</summary>
public sealed class SegmentationOutput
{
    private readonly float[][] probabilities;

    private SegmentationOutput(float[][] probabilities, int height, int width)
    {
        this.probabilities = probabilities;
        Height = height;
        Width = width;
    }

    /// <summary>Number of classes.</summary>
    public int Classes => probabilities.Length;

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Reads one sample: softmax over the classes of each pixel.</summary>
    /// <param name="logits">The network's output, [N, classes, height, width].</param>
    /// <param name="sample">Which sample.</param>
    /// <exception cref="ArgumentException">Another rank, or there is no such sample.</exception>
    public static SegmentationOutput Of(Tensor logits, int sample = 0)
    {
        if (logits.dim() != 4 || sample < 0 || sample >= logits.shape[0])
            throw new ArgumentException($"sample {sample} of an output of shape [{string.Join(", ", logits.shape)}] was asked for; [N, classes, height, width] is needed.", nameof(logits));
        using Tensor one = logits[sample], shares = one.to(ScalarType.Float32).softmax(0).cpu();
        float[] all = shares.data<float>().ToArray();
        int pixels = all.Length / (int)shares.shape[0];
        return new SegmentationOutput([.. all.Chunk(pixels)], (int)shares.shape[1], (int)shares.shape[2]);
    }

    /// <summary>Probability of a class for each pixel, row by row.</summary>
    public ReadOnlySpan<float> Probability(int channel) => probabilities[channel];

    /// <summary>Number of pixels whose most likely class this is; the first of equals.</summary>
    public int Count(int channel)
    {
        int count = 0;
        for (int pixel = 0; pixel < Height * Width; pixel++)
        {
            int best = 0;
            for (int c = 1; c < Classes; c++)
                best = probabilities[c][pixel] > probabilities[best][pixel] ? c : best;
            count += best == channel ? 1 : 0;
        }
        return count;
    }
}
