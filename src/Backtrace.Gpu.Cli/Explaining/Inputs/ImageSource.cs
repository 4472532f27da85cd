using Backtrace.Gpu.Kernels;
using Backtrace.Gpu.Models;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>The pictures that --input names: files, and folders with all pictures in them.</summary>
internal static class ImageSource
{
    private static readonly HashSet<string> Endings = new(StringComparer.OrdinalIgnoreCase) { ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ico", ".wbmp" };

    private static readonly HashSet<string> OtherEndings = new(StringComparer.OrdinalIgnoreCase) { ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".heic", ".heif", ".avif", ".jp2", ".jxl", ".tga", ".svg", ".psd", ".dcm" };

    /// <summary>Looks at all of them before anything is explained.</summary>
    /// <param name="paths">Files and folders.</param>
    /// <param name="selection">Which of the pictures; null for all.</param>
    /// <param name="read">Makes of a file what the model needs.</param>
    /// <param name="skipped">Called with the message for each unreadable one, which is then left out; null to stop with all messages at once.</param>
    /// <param name="firstOnly">Whether the first readable one is enough.</param>
    /// <param name="progress">Told how many were read.</param>
    /// <param name="cancellation">Stops between two files.</param>
    /// <exception cref="InvalidInputException">No pictures, or unreadable ones.</exception>
    /// <exception cref="UsageException">The selection goes beyond the pictures.</exception>
    internal static PictureStore Open(IEnumerable<string> paths, RowSelection? selection, Func<string, ImageInput> read, Action<string>? skipped, bool firstOnly, RunProgress progress, CancellationToken cancellation)
    {
        PictureStore pictures = new(read);
        try
        {
            Each(Chosen(paths, selection), pictures.Add, skipped, firstOnly, progress, cancellation);
            return pictures;
        }
        catch
        {
            pictures.Dispose();
            throw;
        }
    }

    /// <summary>Reads all of them.</summary>
    /// <exception cref="InvalidInputException">No pictures, or unreadable ones.</exception>
    internal static List<ImageInput> Read(IEnumerable<string> paths, Func<string, ImageInput> read, CancellationToken cancellation)
    {
        List<ImageInput> images = [];
        try
        {
            Each(Chosen(paths, null), (path, _) => images.Add(read(path)), null, firstOnly: false, (_, _, _) => { }, cancellation);
            return images;
        }
        catch
        {
            images.ForEach(image => image.Dispose());
            throw;
        }
    }

    /// <summary>A file, or the files of a folder that are pictures by their ending, in order.</summary>
    /// <exception cref="InvalidInputException">The folder holds no pictures.</exception>
    internal static IReadOnlyList<string> Expand(string path)
    {
        if (!Directory.Exists(path))
            return [path];
        string[] files = [.. Directory.EnumerateFiles(path).Where(file => Endings.Contains(Path.GetExtension(file))).Order(StringComparer.Ordinal)];
        return files.Length > 0 ? files : throw new InvalidInputException(path, $"the folder holds no pictures: none of its files ends in {string.Join(", ", Endings)}");
    }

    /// <summary>What a person should know of a folder: pictures of formats that are not read; null where there are none.</summary>
    internal static string? Remark(string path)
    {
        if (!Directory.Exists(path))
            return null;
        string[] others = [.. Directory.EnumerateFiles(path).Select(Path.GetExtension).OfType<string>().Where(OtherEndings.Contains)];
        return others.Length == 0 ? null : $"{path}: {Counted.Of(others.Length, "picture is", "pictures are")} left out; {string.Join(", ", others.Select(ending => ending.ToLowerInvariant()).Distinct().Order())} cannot be read: convert them, as to PNG.";
    }

    private static (string Path, int Row)[] Chosen(IEnumerable<string> paths, RowSelection? selection)
    {
        string[] known = [.. paths.SelectMany(Expand)];
        if (selection is null)
            return [.. known.Select((path, row) => (path, row))];
        selection.EnsureWithin(known.Length, "picture");
        return [.. selection.Of(known.Length).Select(row => (known[row], row))];
    }

    private static void Each((string Path, int Row)[] paths, Action<string, int> add, Action<string>? skipped, bool firstOnly, RunProgress progress, CancellationToken cancellation)
    {
        List<InvalidInputException> bad = [];
        int good = 0;
        foreach ((string path, int row) in paths)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                add(path, row);
                good++;
            }
            catch (InvalidInputException e)
            {
                bad.Add(e);
                skipped?.Invoke(e.Message);
            }

            progress("reading pictures", good + bad.Count, paths.Length);
            if (firstOnly && (good > 0 || skipped is null))
                break;
        }

        if (bad.Count == 0 || (skipped is not null && good > 0))
            return;
        throw bad.Count == 1 ? bad[0] : new InvalidInputException(bad[0].File, $"and {bad.Count - 1} more cannot be used: {string.Join(" ", bad.Select(e => e.Message))} Nothing was explained");
    }
}
