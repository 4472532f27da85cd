using System.Text;

namespace Backtrace.Gpu.Kernels;

/// <summary>Writes a file beside its final place and moves it there, so that a reader sees the old file or the new one, never half of one.</summary>
internal static class WholeFile
{
    private const string Ending = ".tmp";

    /// <summary>Writes text as UTF-8.</summary>
    /// <inheritdoc cref="Write"/>
    internal static void WriteText(string path, string text) => Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(text)));

    /// <summary>Writes bytes.</summary>
    /// <inheritdoc cref="Write"/>
    internal static void WriteBytes(string path, byte[] bytes) => Write(path, stream => stream.Write(bytes));

    /// <summary>Names of the files that a process left which was ended while it wrote a file of this name.</summary>
    internal static IEnumerable<string> Unfinished(string folder, string name) => Directory.EnumerateFiles(folder, "*" + Ending).Select(path => Path.GetFileName(path))
        .Where(file => file.StartsWith(name + ".", StringComparison.Ordinal) && file.Length > name.Length + Ending.Length && Guid.TryParseExact(file.AsSpan()[(name.Length + 1)..^Ending.Length], "N", out _));

    /// <param name="path">Path of the file; its folder must exist. An existing file is replaced.</param>
    /// <param name="write">Writes the contents.</param>
    /// <exception cref="IOException">The file cannot be written; names it.</exception>
    internal static void Write(string path, Action<Stream> write) => WriteAsync(path, stream =>
    {
        write(stream);
        return Task.CompletedTask;
    }).GetAwaiter().GetResult();

    /// <inheritdoc cref="Write"/>
    internal static async Task WriteAsync(string path, Func<Stream, Task> write)
    {
        string temporary = $"{Path.GetFullPath(path)}.{Guid.NewGuid():N}{Ending}";
        try
        {
            FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16);
            await using (stream.ConfigureAwait(false))
                await write(stream).ConfigureAwait(false);
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e)
        {
            if (File.Exists(temporary))
                File.Delete(temporary);
            if (e is not (IOException or UnauthorizedAccessException))
                throw;
            string message = $"{path}: cannot be written: {e.Message.Replace($" : '{temporary}'", "", StringComparison.Ordinal).Replace(temporary, path, StringComparison.Ordinal)}";
            throw e is DirectoryNotFoundException ? new DirectoryNotFoundException(message, e) : new IOException(message, e);
        }
    }
}
