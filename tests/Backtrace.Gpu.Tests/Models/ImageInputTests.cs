using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using SkiaSharp;

namespace Backtrace.Gpu.Tests.Models;

public sealed class ImageInputTests
{
    private static readonly ImagePreprocessing Cifar = new(32, 32, 3, [0.485f, 0.456f, 0.406f], [0.229f, 0.224f, 0.225f]);

    [Test]
    public void APictureThatCannotBeOpenedIsNotCalledAnotherKindOfFile()
    {
        using TemporaryFolder folder = new();
        string link = folder.File("link.png");
        File.CreateSymbolicLink(link, folder.File("gone"));
        Assert.That(() => Cifar.Read(link), Throws.TypeOf<InvalidInputException>().With.Message.Contains($"{link}: cannot be opened"));
    }

    [Test]
    public void PixelsAreScaledAndNormalisedPerChannel()
    {
        using TemporaryFolder folder = new();
        using ImageInput image = Cifar.Read(Png(folder, 32, 32, new SKColor(255, 0, 51)));
        using TorchSharp.torch.Tensor means = image.Values.mean([0, 2, 3]);
        Assert.Multiple(() =>
        {
            Assert.That(image.Values.shape, Is.EqualTo(new long[] { 1, 3, 32, 32 }));
            Assert.That(means.data<float>().ToArray(), Is.EqualTo(new[] { (1 - 0.485f) / 0.229f, -0.456f / 0.224f, (0.2f - 0.406f) / 0.225f }).Within(1e-5));
            Assert.That(image.Rgb.Span[..3].ToArray(), Is.EqualTo(new byte[] { 255, 0, 51 }));
            Assert.That(image.Note, Is.Null);
        });
    }

    [TestCase(64, 64, "resized from 64 x 64 to 32 x 32")]
    [TestCase(100, 50, "resized from 100 x 50 to 32 x 32 (centre)")]
    [TestCase(1, 2000, "resized from 1 x 2000 to 32 x 32 (centre)")]
    public void OtherSizesAreFittedWithANote(int width, int height, string note)
    {
        using TemporaryFolder folder = new();
        using ImageInput image = Cifar.Read(Png(folder, width, height, SKColors.Lime));
        Assert.That(image.Note, Is.EqualTo(note));
        Assert.That(image.Rgb.Length, Is.EqualTo(32 * 32 * 3));
        Assert.That(image.Rgb.Span[..3].ToArray(), Is.EqualTo(new byte[] { 0, 255, 0 }));
    }

    [Test]
    public void TransparencyIsLaidOverWhiteWithANote()
    {
        using TemporaryFolder folder = new();
        using ImageInput image = Cifar.Read(Png(folder, 32, 32, new SKColor(0, 0, 0, 0)));
        Assert.That(image.Note, Does.Contain("white"));
        Assert.That(image.Rgb.Span[0], Is.EqualTo(255));
    }

    [Test]
    public void ColourBecomesGreyByLuma()
    {
        using TemporaryFolder folder = new();
        ImagePreprocessing grey = new(28, 28, 1, [0], [1], Flatten: true);
        using ImageInput image = grey.Read(Png(folder, 28, 28, new SKColor(255, 0, 0)));
        Assert.That(image.Values.data<float>()[0], Is.EqualTo(76 / 255f).Within(1e-6));
    }

    // Red, green, blue and white quarters as stored, and as they belong by the EXIF standard.
    [TestCase(1, "rgbw")]
    [TestCase(2, "grwb")]
    [TestCase(3, "wbgr")]
    [TestCase(4, "bwrg")]
    [TestCase(5, "rbgw")]
    [TestCase(6, "brwg")]
    [TestCase(7, "wgbr")]
    [TestCase(8, "gwrb")]
    [TestCase(9, "rgbw")]
    public void PhotographsAreUpright(int orientation, string quarters)
    {
        using TemporaryFolder folder = new();
        bool isTurned = orientation is >= 5 and <= 8;
        (int width, int height) = isTurned ? (32, 64) : (64, 32);
        ImagePreprocessing own = new(width, height, 3, [0, 0, 0], [1, 1, 1]);
        using ImageInput image = own.Read(folder.Write("photo.jpg", Photograph((byte)orientation)));
        ReadOnlyMemory<byte> rgb = image.Rgb;
        char At(int x, int y) => rgb.Slice(3 * (y * width + x), 3).ToArray().Select(c => c > 127).ToArray() switch
        {
            [true, true, true] => 'w',
            [true, ..] => 'r',
            [_, true, _] => 'g',
            _ => 'b',
        };
        (int left, int right, int top, int bottom) = (width / 4, width * 3 / 4, height / 4, height * 3 / 4);
        Assert.That($"{At(left, top)}{At(right, top)}{At(left, bottom)}{At(right, bottom)}", Is.EqualTo(quarters));
        Assert.That(image.Note, Is.Null, "nothing was resized");
    }

    [Test]
    public void UnreadablePicturesAreRefused()
    {
        using TemporaryFolder folder = new();
        byte[] png = File.ReadAllBytes(Png(folder, 32, 32, SKColors.Red, noisy: true));
        Refused(folder.File("missing.png"), "no such file");
        Refused(folder.Path, "no such file");
        Refused(folder.Write("empty.png", ""), "is empty");
        Refused(folder.Write("text.png", "hello"), "not an image that can be read; PNG");
        Refused(folder.Write("cut.png", png[..(png.Length / 2)]), "cannot be decoded");
        Refused(folder.Write("huge.bmp", HugeBitmap()), "pixels");
    }

    [Test]
    public void IdxFilesThatLieAreRefused()
    {
        using TemporaryFolder folder = new();
        string labels = folder.Write("l", [0, 0, 8, 1, 0, 0, 0, 2, 7, 7]);
        string images = folder.Write("i", [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 5, 6]);
        Assert.That(IdxImages.Read(images, labels).Pixels(1).ToArray(), Is.EqualTo(new byte[] { 6 }));
        string[] liars =
        [
            folder.Write("a", [0, 0, 8, 3]),
            folder.Write("b", [0, 0, 8, 1, 0, 0, 0, 2, 7, 7]),
            folder.Write("c", [0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]),
            folder.Write("d", [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 5]),
            folder.Write("e", [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 5]),
            folder.File("missing"),
        ];
        foreach (string liar in liars)
            Assert.That(() => IdxImages.Read(liar, labels), Throws.InstanceOf<InvalidInputException>(), liar);
    }

    private static void Refused(string path, string problem) =>
        Assert.That(() => Cifar.Read(path), Throws.InstanceOf<InvalidInputException>().With.Message.Contains(problem).And.Message.Contains(path));

    private static string Png(TemporaryFolder folder, int width, int height, SKColor colour, bool noisy = false)
    {
        using SKBitmap bitmap = new(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        bitmap.Erase(colour);
        if (noisy)
            new Random(1).NextBytes(bitmap.GetPixelSpan());
        using SKData data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return folder.Write("picture.png", data.ToArray());
    }

    // A JPEG of 64 x 32 pixels with an EXIF segment that holds nothing but the orientation.
    private static byte[] Photograph(byte orientation)
    {
        using SKBitmap bitmap = new(new SKImageInfo(64, 32, SKColorType.Rgba8888, SKAlphaType.Opaque));
        for (int y = 0; y < 32; y++)
        {
            for (int x = 0; x < 64; x++)
                bitmap.SetPixel(x, y, y < 16 ? x < 32 ? SKColors.Red : SKColors.Lime : x < 32 ? SKColors.Blue : SKColors.White);
        }
        using SKData data = bitmap.Encode(SKEncodedImageFormat.Jpeg, 100);
        byte[] jpeg = data.ToArray();
        byte[] exif = [.. "Exif\0\0MM\0*\0\0\0\b"u8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
        return [.. jpeg[..2], 0xFF, 0xE1, 0, (byte)(exif.Length + 2), .. exif, .. jpeg[2..]];
    }

    [Test]
    public void PicturesOfPhonesAreRead()
    {
        using TemporaryFolder folder = new();
        using SKBitmap picture = new(new SKImageInfo(12000, 9000, SKColorType.Gray8, SKAlphaType.Opaque));
        picture.Erase(SKColors.White);
        using (FileStream file = File.Create(folder.File("photo.jpg")))
            picture.Encode(file, SKEncodedImageFormat.Jpeg, 50);
        using ImageInput image = new ImagePreprocessing(4, 4, 1, [0], [1]).Read(folder.File("photo.jpg"));
        Assert.That(image.Note, Is.EqualTo("resized from 12000 x 9000 to 4 x 4 (centre)"));
        Assert.That(image.Rgb.ToArray(), Is.All.EqualTo(255));
    }

    // 30 bytes of header that announce 20000 x 20000 pixels.
    private static byte[] HugeBitmap()
    {
        byte[] file = new byte[1024];
        using BinaryWriter writer = new(new MemoryStream(file));
        writer.Write("BM"u8);
        writer.Write(file.Length);
        writer.Write(0);
        writer.Write(54);
        writer.Write(40);
        writer.Write(20000);
        writer.Write(20000);
        writer.Write((short)1);
        writer.Write((short)24);
        return file;
    }

    // The formats that folders are searched for: the upper half is red, the lower one blue; of black and white formats white and black.
    [TestCase("png")]
    [TestCase("jpg")]
    [TestCase("webp")]
    [TestCase("bmp")]
    [TestCase("gif")]
    [TestCase("ico")]
    [TestCase("wbmp")]
    public void EveryFormatIsRead(string ending)
    {
        using TemporaryFolder folder = new();
        string path = folder.Write($"two halves.{ending}", Halves(ending));
        using ImageInput image = Cifar.Read(path);
        ReadOnlySpan<byte> rgb = image.Rgb.Span;
        bool colour = ending != "wbmp";
        Assert.That(rgb[..3].ToArray(), Is.EqualTo(colour ? new byte[] { 255, 0, 0 } : [255, 255, 255]).Within(4));
        Assert.That(rgb[^3..].ToArray(), Is.EqualTo(colour ? new byte[] { 0, 0, 255 } : [0, 0, 0]).Within(4));
        Assert.That(image.Note, Is.Null);
    }

    private static byte[] Halves(string ending)
    {
        using SKBitmap bitmap = new(32, 32);
        bitmap.Erase(SKColors.Red);
        bitmap.Erase(SKColors.Blue, SKRectI.Create(0, 16, 32, 16));
        byte[] png = Encoded(SKEncodedImageFormat.Png);
        switch (ending)
        {
            case "jpg":
                return Encoded(SKEncodedImageFormat.Jpeg);
            case "webp":
                return Encoded(SKEncodedImageFormat.Webp);
            case "ico": // a directory of one picture, which is a PNG
                return [0, 0, 1, 0, 1, 0, 32, 32, 0, 0, 1, 0, 32, 0, .. BitConverter.GetBytes(png.Length), 22, 0, 0, 0, .. png];
            case "wbmp":
                return [0, 0, 32, 32, .. Enumerable.Repeat((byte)255, 64), .. new byte[64]];
            case "bmp": // rows from the bottom, blue first
                return
                [
                    .. "BM"u8, .. BitConverter.GetBytes(54 + 3072), 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 32, 0, 0, 0, 32, 0, 0, 0, 1, 0, 24, 0, .. new byte[24],
                    .. Enumerable.Range(0, 1024).SelectMany(k => k < 512 ? new byte[] { 255, 0, 0 } : [0, 0, 255]),
                ];
            case "gif": // codes of three bits: a clear code before every two pixels keeps them from growing
                byte[] codes = [.. Enumerable.Range(0, 512).SelectMany(pair => new byte[] { 4, (byte)(pair / 256), (byte)(pair / 256) }), 5];
                byte[] packed = new byte[((codes.Length * 3) + 7) / 8];
                for (int bit = 0; bit < codes.Length * 3; bit++)
                    packed[bit / 8] |= (byte)(((codes[bit / 3] >> (bit % 3)) & 1) << (bit % 8));
                return
                [
                    .. "GIF89a"u8, 32, 0, 32, 0, 0xf1, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0x2c, 0, 0, 0, 0, 32, 0, 32, 0, 0, 2,
                    .. packed.Chunk(255).SelectMany(part => part.Prepend((byte)part.Length)), 0, 0x3b,
                ];
            default:
                return png;
        }

        byte[] Encoded(SKEncodedImageFormat format)
        {
            using SKData data = bitmap.Encode(format, 100);
            return data.ToArray();
        }
    }
}
