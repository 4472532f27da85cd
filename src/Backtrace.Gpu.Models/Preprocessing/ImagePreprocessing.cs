using System.Text.Json.Serialization;
using Backtrace.Gpu.Kernels;
using TorchSharp;

namespace Backtrace.Gpu.Models;

/// <summary>Pictures: decode, fit to size, scale to 0..1, normalise per channel.</summary>
/// <param name="Width">Width in pixels.</param>
/// <param name="Height">Height in pixels.</param>
/// <param name="Channels">3 for RGB, 1 for grey (ITU-R 601 luma).</param>
/// <param name="Mean">Subtracted from the 0..1 values, one per channel.</param>
/// <param name="Std">Divides after the mean is subtracted, one per channel.</param>
/// <param name="Flatten">True for models that take [batch, pixels] instead of [batch, channels, height, width].</param>
public sealed record ImagePreprocessing(int Width, int Height, int Channels, IReadOnlyList<float> Mean, IReadOnlyList<float> Std, bool Flatten = false) : Preprocessing
{
    /// <inheritdoc/>
    [JsonIgnore]
    public override int? InputSize => Size;

    private int Size => Channels * Height * Width;

    /// <summary>Reads one picture; other sizes are cropped to the centre and resized, which the note says.</summary>
    /// <exception cref="InvalidInputException">The file is missing or no readable picture.</exception>
    public ImageInput Read(string path)
    {
        (byte[] rgb, string? note) = ImageFile.Read(path, Width, Height);
        if (Channels == 1)
            MakeGrey(rgb);
        return new ImageInput(path, Normalise(rgb), rgb, Width, Height, note);
    }

    /// <summary>One grey picture from raw bytes, such as a record of an <see cref="IdxImages"/>.</summary>
    /// <param name="name">Shown to people in place of a path.</param>
    /// <param name="pixels">Height x width bytes.</param>
    /// <exception cref="InvalidInputException">The model takes colour, or another number of pixels.</exception>
    public ImageInput FromGrey(string name, ReadOnlySpan<byte> pixels)
    {
        if (Channels != 1 || pixels.Length != Width * Height)
            throw new InvalidInputException(name, $"has {pixels.Length} grey pixels, the model takes {Channels} x {Height} x {Width}");
        byte[] rgb = new byte[pixels.Length * 3];
        for (int i = 0; i < rgb.Length; i++)
            rgb[i] = pixels[i / 3];
        return new ImageInput(name, Normalise(rgb), rgb, Width, Height, null);
    }

    /// <summary>One colour picture from raw bytes, such as a record of a CIFAR file.</summary>
    /// <param name="name">Shown to people in place of a path.</param>
    /// <param name="rgb">Height x width x 3 bytes.</param>
    /// <exception cref="InvalidInputException">The model takes grey, or another number of pixels.</exception>
    public ImageInput FromRgb(string name, byte[] rgb)
    {
        if (Channels != 3 || rgb.Length != 3 * Width * Height)
            throw new InvalidInputException(name, $"has {rgb.Length / 3} colour pixels, the model takes {Channels} x {Height} x {Width}");
        return new ImageInput(name, Normalise(rgb), rgb, Width, Height, null);
    }

    internal override string? Problem()
    {
        if (Width is < 1 or > 4096 || Height is < 1 or > 4096)
            return $"image size {Width} x {Height} is not between 1 and 4096";
        if (Channels is not (1 or 3))
            return $"{Counted.Of(Channels, "channel")}; 1 or 3 are possible";
        if (Mean?.Count != Channels || Std?.Count != Channels)
            return "mean and std need one number per channel";
        return Mean.All(float.IsFinite) && Std.All(s => float.IsFinite(s) && s > 0) ? null : "mean must be finite and std positive";
    }

    private static void MakeGrey(byte[] rgb)
    {
        byte[] grey = GreyValues.FromRgb(rgb);
        for (int i = 0; i < rgb.Length; i++)
            rgb[i] = grey[i / 3];
    }

    private torch.Tensor Normalise(byte[] rgb)
    {
        int pixels = Width * Height;
        float[] values = new float[Size];
        for (int c = 0; c < Channels; c++)
        {
            for (int p = 0; p < pixels; p++)
                values[c * pixels + p] = (rgb[p * 3 + c] / 255f - Mean[c]) / Std[c];
        }
        return torch.tensor(values, Flatten ? [1, Size] : [1, Channels, Height, Width]);
    }
}
