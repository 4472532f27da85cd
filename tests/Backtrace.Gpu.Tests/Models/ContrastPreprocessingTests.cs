using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using SkiaSharp;

namespace Backtrace.Gpu.Tests.Models;

public sealed class ContrastPreprocessingTests
{
    private static readonly ContrastPreprocessing Small = new(Width: 40, Tiles: 4);

    [TestCase(40, 24, 24, null)]
    [TestCase(80, 51, 24, "resized from 80 x 51 to 40 x 24 (centre)")]
    [TestCase(20, 20, 40, "resized from 20 x 20 to 40 x 40")]
    [TestCase(2000, 1, 4, "resized from 2000 x 1 to 40 x 4 (centre)")]
    public void ThePictureKeepsItsProportionsAndItsSidesHalve(int width, int height, int scaled, string? note)
    {
        using TemporaryFolder folder = new();
        using ImageInput image = Small.Read(Png(folder, width, height));
        Assert.Multiple(() =>
        {
            Assert.That((image.Width, image.Height), Is.EqualTo((40, scaled)));
            Assert.That(image.Values.shape, Is.EqualTo(new long[] { 1, 1, scaled, 40 }));
            Assert.That(image.Note, Is.EqualTo(note));
            Assert.That(image.Values.data<float>().Select(v => (byte)MathF.Round(v * 255)), Is.EqualTo(image.Rgb.ToArray().Where((_, i) => i % 3 == 0)));
        });
    }

    [Test]
    public void ATowerIsRefused()
    {
        using TemporaryFolder folder = new();
        Assert.That(() => Small.Read(Png(folder, 1, 2000)), Throws.InstanceOf<InvalidInputException>().With.Message.Contains("too high"));
    }

    [Test]
    public void OneTileWithoutLimitIsHistogramEqualisation()
    {
        Prop.ForAll(Pictures(), picture =>
        {
            byte[] result = TileEqualisation.Apply(picture, picture.Length, 1, 1, 256);
            return picture.Select(value => picture.Count(other => other <= value) * 255.0 / picture.Length).Zip(result, (expected, actual) => Math.Abs(expected - actual) < 0.51).All(ok => ok);
        }).Check(Seeded.Cases(100));
    }

    [Test]
    public void TheCentreOfATileFollowsItsOwnCurve()
    {
        const int size = 9;
        Prop.ForAll(Arb.From(Gen.Choose(0, 255).ArrayOf(4 * size * size)), numbers =>
        {
            byte[] picture = [.. numbers.Select(n => (byte)n)], result = TileEqualisation.Apply(picture, 2 * size, 2 * size, 2, 3);
            return Enumerable.Range(0, 4).All(tile =>
            {
                (int left, int top) = (tile % 2 * size, tile / 2 * size);
                byte[] part = [.. Enumerable.Range(0, size * size).Select(i => picture[(top + i / size) * 2 * size + left + i % size])];
                return TileEqualisation.Apply(part, size, size, 1, 3)[size * size / 2] == result[(top + size / 2) * 2 * size + left + size / 2];
            });
        }).Check(Seeded.Cases(50));
    }

    [Test]
    public void GreyIsTheRoundedWeightedMeanOfTheColours() =>
        Assert.That(GreyValues.FromRgb([1, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 5, 200, 100, 50]), Is.EqualTo(new byte[] { 0, 1, 1, 1, 124 }));

    [Test]
    public void AGammaAboveOneBrightensWhatLiesBetweenBlackAndWhite()
    {
        byte[] grey = [0, 64, 255];
        GreyValues.Gamma(grey, 2);
        Assert.That(grey, Is.EqualTo(new byte[] { 0, 127, 255 }), "the root of 64 / 255");
    }

    [Test]
    public void TheLimitIsNeverBelowOnePixel() =>
        Assert.That(TileEqualisation.Apply([10, 20, 30, 40], 2, 2, 1, 2), Is.EqualTo(new byte[] { 64, 128, 191, 255 }));

    [Test]
    public void ALowPictureHasNoMoreTilesThanRows()
    {
        byte[] low = [.. Enumerable.Range(0, 16).Select(i => (byte)(i * 37))];
        Assert.That(TileEqualisation.Apply(low, 8, 2, 4, 2), Is.EqualTo(TileEqualisation.Apply(low, 8, 2, 2, 2)));
    }

    [Test]
    public void TheLimitKeepsNoiseOfAFlatPictureSmall()
    {
        byte[] flat = [.. Enumerable.Range(0, 64 * 64).Select(i => (byte)(100 + i * 7 % 3))];
        byte[] limited = TileEqualisation.Apply(flat, 64, 64, 4, 2), free = TileEqualisation.Apply(flat, 64, 64, 4, 256);
        Assert.That(limited.Max() - limited.Min(), Is.LessThan(10));
        Assert.That(free.Max() - free.Min(), Is.GreaterThan(100));
    }

    [Test]
    public void StretchingReachesBothEndsAndLeavesFlatPicturesAlone()
    {
        byte[] grey = [10, 20, 30], flat = [7, 7];
        GreyValues.Stretch(grey);
        GreyValues.Stretch(flat);
        Assert.That(grey, Is.EqualTo(new byte[] { 0, 127, 255 }));
        Assert.That(flat, Is.EqualTo(new byte[] { 7, 7 }));
    }

    private static Arbitrary<byte[]> Pictures() => Arb.From(Gen.Choose(0, 255).NonEmptyListOf().Select(list => list.Select(n => (byte)n).ToArray()));

    private static string Png(TemporaryFolder folder, int width, int height)
    {
        using SKBitmap bitmap = new(width, height);
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
                bitmap.SetPixel(x, y, new SKColor((byte)(x * 5), (byte)(y * 9), (byte)(x * y)));
        }
        using SKData data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return folder.Write("picture.png", data.ToArray());
    }
}
