using System.Text.Json;

namespace Backtrace.Gpu.Cli.Explaining;

/// <summary>
/// The folder of `backtrace explain`. It keeps a list of what a run wrote, so that the next one can take away what it does not write again: nothing
/// of an earlier run lies beside a page that it does not belong to, even if it was killed. Files that are not on the list, or were changed since, stay.
/// </summary>
internal sealed class ResultFolder(string path, IEnumerable<string> inputs) : IDisposable
{
    /// <summary>Name of the list.</summary>
    internal const string ListFile = ".backtrace-files.json";

    private const string NewListFile = ListFile + ".new";

    private readonly HashSet<string> inputs = new(inputs.Select(System.IO.Path.GetFullPath), OperatingSystem.IsWindows() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal);
    private readonly HashSet<string> written = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<string> fresh = [];
    private Dictionary<string, FileMark> earlier = [];
    private OutputFolder? prepared;
    private ResultJournal? journal;

    /// <summary>The folder.</summary>
    internal string Path => path;

    /// <summary>Whether all that this run writes is there.</summary>
    internal bool IsWhole { get; private set; }

    /// <summary>What a run that did not end well has kept; null where it did not begin to explain.</summary>
    internal KeptInputs? Kept { get; set; }

    /// <summary>Makes the folder and reads what an earlier run wrote.</summary>
    /// <exception cref="IOException">Nothing can be written there, or another run writes there.</exception>
    internal void Open()
    {
        prepared = OutputFolder.Prepare(path);
        try
        {
            if (File.Exists(At(ListFile)))
                earlier = JsonSerializer.Deserialize<Dictionary<string, FileMark>>(File.ReadAllBytes(At(ListFile))) ?? [];
        }
        catch (JsonException)
        {
            // A list that cannot be read is no list: nothing is taken away.
        }
        try
        {
            foreach ((string name, FileMark mark) in ResultJournal.Read(path))
                earlier[name] = mark;
            journal = new ResultJournal(path);
        }
        catch (IOException e)
        {
            throw new IOException($"--out: another run writes to {path}; wait for it, or name another folder. ({e.Message})", e);
        }
    }

    /// <summary>Where to write a file of this run.</summary>
    /// <param name="name">Its name, without folders.</param>
    /// <param name="grows">Whether it is written for as long as the run lasts, while others are added.</param>
    /// <exception cref="UsageException">It is one of the inputs.</exception>
    internal string Add(string name, bool grows = false)
    {
        if (IsInput(name))
            throw new UsageException($"--out: {At(name)} is an input and would be overwritten; name another folder.");
        journal?.Announce(name, grows);
        written.Add(name);
        fresh.Add(name);
        return At(name);
    }

    /// <summary>Names of the files that were added since the last call.</summary>
    internal string[] TakeNew()
    {
        string[] names = [.. fresh];
        fresh.Clear();
        return names;
    }

    /// <summary>Takes files of this run away again, as far as they came to be.</summary>
    internal void TakeBack(IEnumerable<string> names)
    {
        foreach (string name in names.Where(written.Remove))
        {
            if (File.Exists(At(name)))
                File.Delete(At(name));
        }
    }

    /// <summary>Whether this run writes a file of that name.</summary>
    internal bool Has(string name) => written.Contains(name);

    /// <summary>A name that neither an input nor another file of this run has, with any of some endings.</summary>
    /// <param name="stem">The name wished for, without ending.</param>
    /// <param name="position">Told apart by this number.</param>
    /// <param name="endings">The endings, with their dots.</param>
    internal string FreeStem(string stem, int position, params string[] endings)
    {
        while (stem.Length == 0 || endings.Any(ending => written.Contains(stem + ending) || IsInput(stem + ending)))
            stem += $"_{position}";
        return stem;
    }

    /// <summary>All is written: takes away what an earlier run wrote and this one did not.</summary>
    internal void RemoveEarlier()
    {
        IsWhole = true;
        foreach ((string name, FileMark mark) in earlier)
        {
            // A list from elsewhere must not reach beyond the folder.
            if (!written.Contains(name) && name == System.IO.Path.GetFileName(name) && !IsInput(name) && FileMark.Of(At(name)) == mark)
                File.Delete(At(name));
        }
        earlier = [];
    }

    /// <summary>Writes the list, whatever became of the run.</summary>
    public void Dispose()
    {
        Dictionary<string, FileMark> list = earlier.Where(file => !written.Contains(file.Key)).ToDictionary();
        foreach (string name in written)
        {
            if (FileMark.Of(At(name)) is { } mark)
                list[name] = mark;
        }
        if (list.Count == 0 || TryWrite(list))
            journal?.End();
        journal?.Dispose();
        journal = null;
        prepared?.Dispose();
    }

    // Where there is no room for the list, the next run learns from the journal.
    private bool TryWrite(Dictionary<string, FileMark> list)
    {
        try
        {
            File.WriteAllBytes(At(NewListFile), JsonSerializer.SerializeToUtf8Bytes(list));
            File.Move(At(NewListFile), At(ListFile), overwrite: true);
            return true;
        }
        catch (IOException)
        {
            File.Delete(At(NewListFile));
            return false;
        }
    }

    private bool IsInput(string name) => inputs.Contains(System.IO.Path.GetFullPath(At(name)));

    private string At(string name) => System.IO.Path.Combine(path, name);
}
