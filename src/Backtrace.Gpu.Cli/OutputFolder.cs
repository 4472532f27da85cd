namespace Backtrace.Gpu.Cli;

/// <summary>The folder that a command writes to, proved to be writable before minutes of work.</summary>
internal static class OutputFolder
{
    /// <exception cref="UsageException">It stands for standard output.</exception>
    /// <exception cref="IOException">It cannot be created or written to.</exception>
    internal static void Prepare(string folder)
    {
        if (string.IsNullOrWhiteSpace(folder))
            throw new IOException("--out: the name of the folder is empty.");
        if (folder == "-")
            throw new UsageException("--out: results are several files and do not fit into standard output; name a folder.");
        if (File.Exists(folder))
            throw new IOException($"--out: {folder} is a file; a folder is needed.");
        string probe = Path.Combine(folder, $".{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(folder);
            using FileStream file = new(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new IOException($"--out: nothing can be written to {folder}: {e.Message}", e);
        }
    }
}
