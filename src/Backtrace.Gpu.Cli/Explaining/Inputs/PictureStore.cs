using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>
/// Pictures in their order. The first ones are kept, as many as have room; the others are read again when they are needed, and kept as long as their pass lasts.
/// </summary>
/// <param name="read">Makes of a file what the model needs.</param>
/// <param name="room">Bytes for the pictures that are kept.</param>
internal sealed class PictureStore(Func<string, ImageInput> read, long room = 256 << 20) : IDisposable
{
    private readonly List<(string Path, int Row, int Width, int Height)> all = [];
    private readonly List<ImageInput> kept = [];
    private readonly Dictionary<int, ImageInput> passing = [];

    internal int Count => all.Count;

    internal string Path(int n) => all[n].Path;

    /// <summary>Its number among all that --input names.</summary>
    internal int Row(int n) => all[n].Row;

    internal (int Width, int Height) Size(int n) => (all[n].Width, all[n].Height);

    /// <summary>Reads one more.</summary>
    /// <exception cref="InvalidInputException">It is no readable picture.</exception>
    internal void Add(string path, int row)
    {
        ImageInput image = read(path);
        all.Add((image.Path, row, image.Width, image.Height));
        room -= image.Rgb.Length + image.Values.numel() * sizeof(float);
        if (room >= 0)
            kept.Add(image);
        else
            image.Dispose();
    }

    /// <summary>Forgets the pictures of an earlier pass.</summary>
    internal void Begin(int first, int count)
    {
        foreach (int n in passing.Keys.Where(n => n < first || n >= first + count).ToArray())
        {
            passing[n].Dispose();
            passing.Remove(n);
        }
    }

    /// <summary>A picture; the store's.</summary>
    /// <exception cref="InvalidInputException">The file is no longer what it was.</exception>
    internal ImageInput Get(int n)
    {
        if (n < kept.Count)
            return kept[n];
        if (passing.TryGetValue(n, out ImageInput? image))
            return image;
        image = read(Path(n));
        if (Size(n) != (image.Width, image.Height))
        {
            image.Dispose();
            throw new InvalidInputException(Path(n), "has another size than a moment ago: something writes to it; explain a copy");
        }

        passing.Add(n, image);
        return image;
    }

    public void Dispose()
    {
        kept.ForEach(image => image.Dispose());
        Begin(0, 0);
    }
}
