namespace Backtrace.Gpu.Models;

/// <summary>
/// Contrast-limited adaptive histogram equalisation (Zuiderveld 1994): each tile has its own curve, which makes its grey values equally frequent
/// but no steeper than a limit; a pixel is mapped by the curves of the four nearest tiles, weighted by distance.
/// </summary>
internal sealed class TileEqualisation
{
    private const int Levels = 256;
    private readonly byte[] grey;
    private readonly int width, tiles;
    private readonly double tileWidth, tileHeight;
    private readonly float[][] curves;

    private TileEqualisation(byte[] grey, int width, int height, int tiles, double clipLimit)
    {
        (this.grey, this.width, this.tiles) = (grey, width, tiles);
        (tileWidth, tileHeight) = ((double)width / tiles, (double)height / tiles);
        curves = [.. Enumerable.Range(0, tiles * tiles).Select(tile => Curve(tile % tiles, tile / tiles, clipLimit))];
    }

    /// <summary>The equalised picture.</summary>
    /// <param name="grey">Height x width values.</param>
    /// <param name="width">Width in pixels, at least <paramref name="tiles"/>.</param>
    /// <param name="height">Height in pixels.</param>
    /// <param name="tiles">Tiles along each side.</param>
    /// <param name="clipLimit">Most pixels that one grey value may count for, as a multiple of an even share.</param>
    internal static byte[] Apply(byte[] grey, int width, int height, int tiles, double clipLimit)
    {
        TileEqualisation equalisation = new(grey, width, height, Math.Min(tiles, height), clipLimit);
        byte[] result = new byte[grey.Length];
        for (int y = 0; y < height; y++)
        {
            (int top, int bottom, float down) = equalisation.Neighbours(y, equalisation.tileHeight);
            for (int x = 0; x < width; x++)
            {
                (int left, int right, float along) = equalisation.Neighbours(x, equalisation.tileWidth);
                int value = grey[y * width + x];
                float above = equalisation.Between(left, right, top, along, value), below = equalisation.Between(left, right, bottom, along, value);
                result[y * width + x] = (byte)MathF.Round(above + down * (below - above));
            }
        }
        return result;
    }

    // The grey value that each grey value becomes in this tile.
    private float[] Curve(int column, int row, double clipLimit)
    {
        int left = (int)(column * tileWidth), right = (int)((column + 1) * tileWidth), top = (int)(row * tileHeight), bottom = (int)((row + 1) * tileHeight);
        double[] counts = new double[Levels];
        for (int y = top; y < bottom; y++)
        {
            for (int x = left; x < right; x++)
                counts[grey[y * width + x]]++;
        }
        int pixels = (right - left) * (bottom - top);
        double limit = Math.Max(1, clipLimit * pixels / Levels);
        double excess = counts.Sum(count => Math.Max(0, count - limit));
        float[] curve = new float[Levels];
        double sum = 0;
        for (int value = 0; value < Levels; value++)
        {
            sum += Math.Min(counts[value], limit) + excess / Levels;
            curve[value] = (float)(sum * (Levels - 1) / pixels);
        }
        return curve;
    }

    // The tiles whose centres lie on both sides of a pixel, and how far it is on the way from one to the other.
    private (int Before, int After, float Share) Neighbours(int place, double size)
    {
        double position = (place + 0.5) / size - 0.5;
        int before = (int)Math.Floor(position);
        return (Math.Max(before, 0), Math.Min(before + 1, tiles - 1), (float)(position - before));
    }

    private float Between(int left, int right, int row, float along, int value)
    {
        float first = curves[row * tiles + left][value];
        return first + along * (curves[row * tiles + right][value] - first);
    }
}
