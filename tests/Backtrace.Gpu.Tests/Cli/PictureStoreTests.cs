using Backtrace.Gpu.Cli.Explaining;
using Backtrace.Gpu.Models;
using Backtrace.Gpu.Tests.Support;
using NUnit.Framework;
using static TorchSharp.torch;

namespace Backtrace.Gpu.Tests.Cli;

public sealed class PictureStoreTests
{
    private const int Bytes = 3 * (1 + sizeof(float)) * 32 * 32;

    private static readonly string[] Files = [.. Directory.EnumerateFiles(Assets.Path("cifar10"), "*.png").Order(StringComparer.Ordinal).Take(6)];

    [TestCase(0)]
    [TestCase(2)]
    [TestCase(6)]
    public void PicturesBeyondTheRoomAreReadAgainForTheirPass(int room)
    {
        List<string> reads = [];
        using PictureStore store = new(path => Read(path, reads), room * Bytes);
        foreach (string file in Files)
            store.Add(file, store.Count);
        using ImageSamples samples = new(store);
        Assert.That(samples.Together(0, 9), Is.EqualTo(6));
        for (int first = 0; first < 6; first += 2)
        {
            using Tensor batch = samples.Batch(first, 2);
            for (int n = first; n < first + 2; n++)
            {
                using ImageInput own = Read(Files[n], []);
                using Tensor row = batch.narrow(0, n - first, 1);
                Assert.That(row.equal(own.Values).all().item<bool>(), Files[n]);
                Assert.That(samples.Image(n).Rgb.ToArray(), Is.EqualTo(own.Rgb.ToArray()));
            }
        }

        Assert.That(reads, Is.EqualTo(Files.Concat(Files.Skip(room))), "once to look at it, and once for its pass");
    }

    [Test]
    public void APictureThatIsAnotherOneIsRefused()
    {
        int width = 32;
        using PictureStore store = new(path => new ImageInput(path, zeros(1, 3, 32, width), new byte[3 * 32 * width], width, 32, null), room: 0);
        store.Add("a.png", 0);
        width = 31;
        Assert.That(() => store.Get(0), Throws.TypeOf<InvalidInputException>().With.Message.StartsWith("a.png"));
    }

    private static ImageInput Read(string path, List<string> reads)
    {
        reads.Add(path);
        return new ImagePreprocessing(32, 32, 3, [0, 0, 0], [1, 1, 1]).Read(path);
    }
}
