using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Models;

/// <summary>Colour pictures of 32 x 32 pixels in the binary format that CIFAR-10 is published in: a byte for the class, then planes of red, green and blue.</summary>
public static class CifarImages
{
    private const int Side = 32, Pixels = Side * Side, Record = 1 + 3 * Pixels;

    /// <summary>Whether a file has the ending and the length of one.</summary>
    public static bool IsCifar(string path) =>
        path.EndsWith(".bin", StringComparison.OrdinalIgnoreCase) && new FileInfo(path) is { Length: > 0 } file && file.Length % Record == 0;

    /// <summary>Reads all pictures of a file; they are named by their place in it, counted from 0, and their class: "0017_3".</summary>
    /// <exception cref="InvalidInputException">The file is missing, no whole number of records, or the model takes other pictures.</exception>
    public static List<ImageInput> Read(string path, ImagePreprocessing preprocessing)
    {
        if (!File.Exists(path))
            throw new InvalidInputException(path, "there is no such file");
        byte[] file = File.ReadAllBytes(path);
        if (file.Length == 0 || file.Length % Record != 0)
            throw new InvalidInputException(path, $"has {Counted.Of(file.Length, "byte")}, which is no whole number of records of {Record}");
        List<ImageInput> images = [];
        for (int k = 0; k * Record < file.Length; k++)
        {
            ReadOnlySpan<byte> planes = file.AsSpan(k * Record + 1, 3 * Pixels);
            byte[] rgb = new byte[3 * Pixels];
            for (int i = 0; i < rgb.Length; i++)
                rgb[i] = planes[i % 3 * Pixels + i / 3];
            images.Add(preprocessing.FromRgb(FormattableString.Invariant($"{k:0000}_{file[k * Record]}"), rgb));
        }

        return images;
    }
}
