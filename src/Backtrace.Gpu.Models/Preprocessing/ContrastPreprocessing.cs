using System.Text.Json.Serialization;
using TorchSharp;

namespace Backtrace.Gpu.Models;

/// <summary>
/// Grey pictures of any proportions with even contrast: scaled to a width, stretched to the full range, equalised tile by tile, then gamma
/// corrected. Values are 0 to 1, [1, 1, height, width].
/// </summary>
/// <param name="Width">Width in pixels; the height follows from the picture.</param>
/// <param name="SideFactor">Factor of both sides; less than so many rows are cut off.</param>
/// <param name="Tiles">Tiles along each side.</param>
/// <param name="ClipLimit">Most pixels that one grey value may count for, as a multiple of an even share.</param>
/// <param name="Gamma">Exponent whose reciprocal is applied last.</param>
public sealed record ContrastPreprocessing(int Width, int SideFactor = 4, int Tiles = 8, double ClipLimit = 2, double Gamma = 1.2) : Preprocessing
{
    private const int MaximumSide = 4096;

    /// <inheritdoc/>
    [JsonIgnore]
    public override int? InputSize => null;

    /// <summary>Reads one picture.</summary>
    /// <exception cref="InvalidInputException">The file is missing, no readable picture, or far higher than wide.</exception>
    public ImageInput Read(string path)
    {
        (byte[] rgb, int width, int height, string? note) = ImageFile.Read(path, (w, h) => (Width, HeightOf(path, w, h)));
        byte[] grey = Equalise(GreyValues.FromRgb(rgb), width, height);
        float[] values = new float[grey.Length];
        for (int i = 0; i < grey.Length; i++)
        {
            values[i] = grey[i] / 255f;
            rgb.AsSpan(i * 3, 3).Fill(grey[i]);
        }
        return new ImageInput(path, torch.tensor(values, [1, 1, height, width]), rgb, width, height, note);
    }

    internal override string? Problem()
    {
        if (Width is < 1 or > MaximumSide || SideFactor < 1 || Width % SideFactor != 0)
            return $"width {Width} is not between 1 and {MaximumSide} and divisible by {SideFactor}";
        if (Tiles < 1 || Tiles > Width / 2)
            return $"{Tiles} tiles along a side are not between 1 and {Width / 2}";
        return ClipLimit is >= 1 and <= 256 && Gamma is > 0 and <= 10 ? null : $"clip limit {ClipLimit} is not between 1 and 256, or gamma {Gamma} not between 0 and 10";
    }

    private byte[] Equalise(byte[] grey, int width, int height)
    {
        GreyValues.Stretch(grey);
        byte[] equal = TileEqualisation.Apply(grey, width, height, Tiles, ClipLimit);
        GreyValues.Gamma(equal, Gamma);
        return equal;
    }

    private int HeightOf(string path, int width, int height)
    {
        double scaled = (double)height * Width / width;
        return scaled <= MaximumSide
            ? Math.Max(1, (int)(scaled / SideFactor)) * SideFactor
            : throw new InvalidInputException(path, $"is {width} x {height} pixels: far too high for its width");
    }
}
