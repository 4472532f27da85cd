namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>Tells whether a file is still as it was written.</summary>
/// <param name="Bytes">Its length.</param>
/// <param name="Ticks">Time of its last change, UTC.</param>
internal sealed record FileMark(long Bytes, long Ticks)
{
    /// <summary>That of a file; null where there is none.</summary>
    internal static FileMark? Of(string path) => new FileInfo(path) is { Exists: true } file ? new FileMark(file.Length, file.LastWriteTimeUtc.Ticks) : null;
}
