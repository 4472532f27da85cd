using System.Buffers.Binary;
using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Models;

/// <summary>Grey pictures with labels from a pair of idx files, the format that MNIST is published in.</summary>
public sealed class IdxImages
{
    private const uint ImagesMagic = 0x803, LabelsMagic = 0x801;
    private readonly byte[] pixels;
    private readonly byte[] labels;

    private IdxImages(byte[] pixels, byte[] labels, int height, int width)
    {
        this.pixels = pixels;
        this.labels = labels;
        Height = height;
        Width = width;
    }

    /// <summary>Number of pictures.</summary>
    public int Count => labels.Length;

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Class number of a picture.</summary>
    public int Label(int index) => labels[index];

    /// <summary>Height x width bytes of a picture, 0 is the background.</summary>
    public ReadOnlySpan<byte> Pixels(int index) => pixels.AsSpan(index * Height * Width, Height * Width);

    /// <summary>Reads both files and checks that they belong together.</summary>
    /// <exception cref="InvalidInputException">A file is missing, no idx file of the right kind, or its length is not what its header says.</exception>
    public static IdxImages Read(string imagesPath, string labelsPath)
    {
        (byte[] pixels, int[] extents) = ReadFile(imagesPath, ImagesMagic, 3);
        (byte[] labels, int[] counts) = ReadFile(labelsPath, LabelsMagic, 1);
        if (extents[0] != counts[0])
            throw new InvalidInputException(labelsPath, $"has {Counted.Of(counts[0], "label")} for the {Counted.Of(extents[0], "picture")} of {imagesPath}");
        return new IdxImages(pixels, labels, extents[1], extents[2]);
    }

    private static (byte[] Data, int[] Extents) ReadFile(string path, uint magic, int rank)
    {
        if (!File.Exists(path))
            throw new InvalidInputException(path, "there is no such file");
        byte[] file = File.ReadAllBytes(path);
        int header = 4 + 4 * rank;
        if (file.Length < header || BinaryPrimitives.ReadUInt32BigEndian(file) != magic)
            throw new InvalidInputException(path, $"is no idx file of {rank}-dimensional bytes");
        int[] extents = new int[rank];
        ulong bytes = 1;
        for (int axis = 0; axis < rank; axis++)
        {
            uint extent = BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(4 + 4 * axis));
            bytes = extent > int.MaxValue || bytes > int.MaxValue ? ulong.MaxValue : bytes * extent;
            extents[axis] = (int)Math.Min(extent, int.MaxValue);
        }
        if (bytes != (ulong)(file.Length - header))
            throw new InvalidInputException(path, $"announces {string.Join(" x ", extents)} bytes and holds {file.Length - header}");
        return (file[header..], extents);
    }
}
