using System.Text.Json;
using Backtrace.Gpu.Kernels;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>
/// Says which files a run is about to write, before it writes them: a run that is killed leaves this journal, from which the next one learns what is
/// its own. A line for each file before it is written, and one when it is whole.
/// </summary>
internal sealed class ResultJournal : IDisposable
{
    private readonly string folder;
    private readonly FileStream lines;
    private string? last;

    /// <summary>Goes on with the journal of a folder, or begins one.</summary>
    /// <exception cref="IOException">Another run has it open.</exception>
    internal ResultJournal(string folder)
    {
        this.folder = folder;
        lines = new FileStream(PathOf(folder), FileMode.Append, FileAccess.Write, FileShare.None, bufferSize: 0);
        // The last line of a run that was killed may lack its end.
        lines.WriteByte((byte)'\n');
    }

    /// <summary>Writes down that a file will be written; the system has it then, whatever becomes of this process.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="grows">Whether it is written for as long as the run lasts, and not whole before the next one is announced.</param>
    internal void Announce(string name, bool grows)
    {
        if (last is not null)
            Write(new Line(last, null, FileMark.Of(Path.Combine(folder, last))));
        Write(new Line(name, FileMark.Of(Path.Combine(folder, name)), null));
        last = grows ? null : name;
    }

    /// <summary>
    /// The files of a run that did not end, as it left them, with what stood beside the last one to take its place. Of that one, and of those that grew, it is not known when
    /// they were whole: they count as left as they are now.
    /// </summary>
    internal static Dictionary<string, FileMark> Read(string folder)
    {
        Dictionary<string, FileMark> files = [];
        if (!File.Exists(PathOf(folder)))
            return files;
        Line? last = null;
        foreach (Line line in File.ReadLines(PathOf(folder)).Select(Parse).OfType<Line>())
        {
            FileMark? now = line.After ?? FileMark.Of(Path.Combine(folder, line.Name));
            if (now is not null && now != line.Before)
                files[line.Name] = now;
            last = line;
        }

        foreach (string part in last is { After: null } ? WholeFile.Unfinished(folder, last.Name) : [])
            files[part] = FileMark.Of(Path.Combine(folder, part))!;
        return files;
    }

    /// <summary>Takes the journal away: the list of files has taken its place.</summary>
    internal void End()
    {
        Dispose();
        File.Delete(PathOf(folder));
    }

    /// <summary>Closes the journal, which stays.</summary>
    public void Dispose() => lines.Dispose();

    internal static string PathOf(string folder) => Path.Combine(folder, ".backtrace-files.part");

    private void Write(Line line) => lines.Write([.. JsonSerializer.SerializeToUtf8Bytes(line), (byte)'\n']);

    private static Line? Parse(string text)
    {
        try
        {
            return text.Length > 0 && JsonSerializer.Deserialize<Line>(text) is { Name: not null } line ? line : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private sealed record Line(string Name, FileMark? Before, FileMark? After);
}
