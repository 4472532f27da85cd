using System.Globalization;
using SkiaSharp;

namespace Backtrace.Gpu.Models;

/// <summary>Decodes pictures of any format that Skia knows and brings them to the size a model needs.</summary>
internal static class ImageFile
{
    // A few kilobytes of PNG can announce gigabytes of pixels. Phones make pictures of 200 million.
    private const long MaximumPixels = 200_000_000;

    /// <summary>Decodes to opaque 8-bit RGB of the given size.</summary>
    /// <exception cref="InvalidInputException">Missing, unreadable, cut short or absurdly large.</exception>
    internal static (byte[] Rgb, string? Note) Read(string path, int width, int height)
    {
        (byte[] rgb, _, _, string? note) = Read(path, (_, _) => (width, height));
        return (rgb, note);
    }

    /// <summary>Decodes to opaque 8-bit RGB of a size that depends on the picture's own width and height, upright.</summary>
    /// <exception cref="InvalidInputException">Missing, unreadable, cut short or absurdly large.</exception>
    internal static (byte[] Rgb, int Width, int Height, string? Note) Read(string path, Func<int, int, (int Width, int Height)> size)
    {
        List<string> notes = [];
        using SKBitmap decoded = Decode(path);
        (int width, int height) = size(decoded.Width, decoded.Height);
        Flatten(decoded, notes);
        using SKBitmap fitted = Fit(decoded, path, width, height, notes);
        return (ToRgb(fitted), width, height, notes.Count == 0 ? null : string.Join("; ", notes));
    }

    private static SKBitmap Decode(string path)
    {
        if (!File.Exists(path))
            throw new InvalidInputException(path, "there is no such file");
        using SKCodec? codec = SKCodec.Create(path);
        if (codec is null)
            throw new InvalidInputException(path, Length(path) == 0 ? "is empty" : "is not an image that can be read; PNG, JPEG, WebP, GIF, BMP, WBMP and ICO can");
        if ((long)codec.Info.Width * codec.Info.Height > MaximumPixels)
            throw new InvalidInputException(path, string.Create(CultureInfo.InvariantCulture, $"has {codec.Info.Width} x {codec.Info.Height} pixels, the limit is {MaximumPixels:N0} in all; make it smaller"));
        // No colour space: stored values are used as they are, which is what the networks were trained on.
        SKBitmap bitmap = new(new SKImageInfo(codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        SKCodecResult result = codec.GetPixels(bitmap.Info, bitmap.GetPixels());
        if (result == SKCodecResult.Success)
            return Orientation.Upright(bitmap, codec.EncodedOrigin);
        bitmap.Dispose();
        throw new InvalidInputException(path, $"cannot be decoded to the end ({result}): it is damaged or cut short");
    }

    // Skia does not tell a file that it may not open from one that is no picture.
    private static long Length(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            return file.CanSeek ? file.Length : throw new InvalidInputException(path, "is a pipe; pictures are read from files");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException(path, $"cannot be opened: {e.Message.TrimEnd('.')}", inner: e);
        }
    }

    private static void Flatten(SKBitmap picture, List<string> notes)
    {
        Span<byte> pixels = picture.GetPixelSpan();
        bool transparent = false;
        for (int i = 0; i < pixels.Length; i += 4)
        {
            int alpha = pixels[i + 3];
            if (alpha == 255)
                continue;
            transparent = true;
            for (int c = 0; c < 3; c++)
                pixels[i + c] = (byte)((pixels[i + c] * alpha + 255 * (255 - alpha) + 127) / 255);
            pixels[i + 3] = 255;
        }
        if (transparent)
            notes.Add("transparent pixels laid over white");
    }

    private static SKBitmap Fit(SKBitmap source, string path, int width, int height, List<string> notes)
    {
        if (source.Width == width && source.Height == height)
            return source.Copy();
        // The largest centred part of the right proportions, so that nothing is distorted.
        int cropWidth = Math.Max(1, (int)Math.Min(source.Width, (long)source.Height * width / height));
        int cropHeight = Math.Max(1, (int)Math.Min(source.Height, (long)source.Width * height / width));
        SKRectI crop = SKRectI.Create((source.Width - cropWidth) / 2, (source.Height - cropHeight) / 2, cropWidth, cropHeight);
        using SKBitmap part = new();
        if (!source.ExtractSubset(part, crop))
            throw new InvalidInputException(path, "cannot be cropped");
        bool cropped = cropWidth != source.Width || cropHeight != source.Height;
        notes.Add($"resized from {source.Width} x {source.Height} to {width} x {height}{(cropped ? " (centre)" : "")}");
        return part.Resize(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul), new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear))
            ?? throw new InvalidInputException(path, "cannot be resized");
    }

    private static byte[] ToRgb(SKBitmap bitmap)
    {
        ReadOnlySpan<byte> rgba = bitmap.GetPixelSpan();
        byte[] rgb = new byte[bitmap.Width * bitmap.Height * 3];
        for (int pixel = 0; pixel < bitmap.Width * bitmap.Height; pixel++)
            rgba.Slice(pixel * 4, 3).CopyTo(rgb.AsSpan(pixel * 3));
        return rgb;
    }
}
