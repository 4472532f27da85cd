namespace Backtrace.Gpu.Cli;

/// <summary>The folder that a command writes to, proved to be writable before minutes of work. What it made of it is taken away again if nothing was written.</summary>
internal sealed class OutputFolder : IDisposable
{
    private readonly List<string> made = []; // the innermost first

    private OutputFolder(string folder)
    {
        for (string? path = Path.GetFullPath(folder); path is not null && !Directory.Exists(path); path = Path.GetDirectoryName(path))
            made.Add(path);
    }

    /// <exception cref="UsageException">It has no name, or stands for standard output.</exception>
    /// <exception cref="IOException">It cannot be created or written to.</exception>
    internal static OutputFolder Prepare(string folder)
    {
        if (string.IsNullOrWhiteSpace(folder))
            throw new UsageException("--out: the name of the folder is empty.");
        if (folder == "-")
            throw new UsageException("--out: results are several files and do not fit into standard output; name a folder.");
        if (File.Exists(folder))
            throw new IOException($"--out: {folder} is a file; a folder is needed.");
        OutputFolder? prepared = null;
        try
        {
            prepared = new OutputFolder(Path.TrimEndingDirectorySeparator(folder));
            Directory.CreateDirectory(folder);
            string probe = Path.Combine(folder, $".{Guid.NewGuid():N}");
            using FileStream file = new(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            return prepared;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            prepared?.Dispose();
            throw new IOException($"--out: nothing can be written to {folder}: {e.Message}", e);
        }
    }

    /// <summary>Removes the folders that were made and are empty.</summary>
    public void Dispose()
    {
        try
        {
            foreach (string folder in made.Where(Directory.Exists))
            {
                if (Directory.EnumerateFileSystemEntries(folder).Any())
                    return;
                Directory.Delete(folder);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // An empty folder does no harm.
        }
    }
}
